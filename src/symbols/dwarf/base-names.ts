/** Names of C's base types: compilers write `long unsigned int` or `unsigned long`, people any order. */

const WORDS: ReadonlySet<string> = new Set([
  'signed',
  'unsigned',
  'short',
  'long',
  'int',
  'char',
  'double',
  'float',
  '__int128',
  '_Complex',
  'complex',
]);

/** One spelling for all of them; undefined for what is no combination of C's words. */
export const canonicalBaseName = (name: string): string | undefined => {
  const words = name.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0 || !words.every((word) => WORDS.has(word))) return undefined;
  const has = (word: string): boolean => words.includes(word);
  // `int` says nothing beside another word; `signed` does only for char.
  const core = ['char', 'double', 'float', '__int128'].find(has) ?? 'int';
  const longs = words.filter((word) => word === 'long').length;
  const parts = [
    has('_Complex') || has('complex') ? 'complex' : '',
    has('unsigned') ? 'unsigned' : has('signed') && core === 'char' ? 'signed' : '',
    has('short') ? 'short' : '',
    ...Array.from({ length: longs }, () => 'long'),
    core,
  ];
  return parts.filter((part) => part !== '').join(' ');
};
