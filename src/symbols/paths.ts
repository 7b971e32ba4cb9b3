/** Source paths as they stand in debug information: joined, normalised and compared as text; no file is looked at. */

export const isAbsolutePath = (path: string): boolean => path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path);

/** Joins parts (an absolute part starts anew) and takes out '.', '..' and doubled slashes. Backslashes become '/'. */
export const joinPath = (...parts: string[]): string => {
  let path = '';
  for (const part of parts) {
    if (part === '') continue;
    path = path === '' || isAbsolutePath(part) ? part : `${path}/${part}`;
  }
  return normalizePath(path);
};

export const normalizePath = (path: string): string => {
  const slashed = isWindows(path) ? path.replaceAll('\\', '/') : path;
  const root = slashed.startsWith('/') ? '/' : '';
  const kept: string[] = [];
  for (const part of slashed.split('/')) {
    if (part === '' || part === '.') continue;
    const last = kept.at(-1);
    if (part === '..' && last !== undefined && last !== '..') kept.pop();
    else if (part !== '..' || root === '') kept.push(part);
  }
  return root + kept.join('/');
};

const isWindows = (path: string): boolean => /^[A-Za-z]:[\\/]/.test(path);

/** For comparison: Windows paths do not tell upper from lower case. */
const comparable = (path: string): string[] => {
  const normal = normalizePath(path);
  return (isWindows(path) ? normal.toLowerCase() : normal).split('/').filter((part) => part !== '');
};

/**
 * Which of the candidates `wanted` means: those equal to it, else those that share the longest run of path components
 * at the end (at least the file name), for sources that were built elsewhere.
 */
export const matchPaths = (wanted: string, candidates: Iterable<string>): string[] => {
  const target = comparable(wanted);
  let best: string[] = [];
  let bestLength = 1;
  for (const candidate of candidates) {
    const parts = comparable(candidate);
    let shared = 0;
    while (
      shared < parts.length &&
      shared < target.length &&
      parts.at(-1 - shared) === target.at(-1 - shared)
    )
      shared++;
    const exact = shared === parts.length && shared === target.length;
    const length = exact ? Infinity : shared;
    if (length < bestLength) continue;
    if (length > bestLength) best = [];
    bestLength = length;
    best.push(candidate);
  }
  return best;
};
