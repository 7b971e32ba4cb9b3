/** Reads apt's source lists, to find the Debian mirror that this machine uses: .list lines and deb822 .sources files. */

export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** One-line format: `deb [option=value ...] uri suite component...` (sources.list(5)). */
function parseList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s*)?([^#]+)/.exec(line);
    const [uri, suite, ...components] = words(match?.[1] ?? '');
    return uri === undefined || suite === undefined ? [] : [{ uri, suite, components }];
  });
}

/** One paragraph of the deb822 format: fields, whose values may go on in lines that begin with a space. */
function parseParagraph(paragraph: string): AptSource[] {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of paragraph.split('\n')) {
    const field = /^([A-Za-z][\w-]*):(.*)$/.exec(line);
    if (field !== null) last = (field[1] ?? '').toLowerCase();
    fields.set(last, `${fields.get(last) ?? ''} ${field === null ? line : (field[2] ?? '')}`);
  }
  const list = (name: string): string[] => words(fields.get(name) ?? '');
  if (!list('types').includes('deb') || list('enabled')[0]?.toLowerCase() === 'no') return [];
  const components = list('components');
  return list('uris').flatMap((uri) => list('suites').map((suite) => ({ uri, suite, components })));
}

/** The binary package sources in a file of /etc/apt; `name` tells its format. Comments and disabled ones are left out. */
export function parseAptSources(name: string, text: string): AptSource[] {
  if (!name.endsWith('.sources')) return parseList(text);
  const bare = text.replace(/^#.*\n?/gm, '');
  return bare.split(/\n\s*\n/).flatMap(parseParagraph);
}

/** The mirror with this machine's own Debian suite (`codename` as in /etc/os-release), or undefined. */
export function debianMirror(sources: readonly AptSource[], codename: string): string | undefined {
  const names = [codename, 'stable', 'testing', 'unstable', 'sid', 'trixie'];
  return sources.find(({ suite, components }) => names.includes(suite) && components.includes('main'))?.uri;
}
