/** Source files: names in the debug information against names on this machine, `source`, `loadedSources`, `modules`. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { Message } from '../protocol/message';
import { isAbsolutePath, joinPath } from '../symbols/paths';
import { sourcePath } from './arguments';
import type { SessionContext } from './context';
import type { Registry } from './dispatcher';
import { sourceListing } from './source-listing';
import type { GuestProgram } from './spaces';
import { columnsOfLine, linesOfFile } from './code-places';
import { baseName } from './symbol-lookup';

const withSlash = (prefix: string): string => (/[/\\]$/u.test(prefix) ? prefix : `${prefix}/`);

/** `path` with the prefix replaced, or undefined when it does not begin with it. Only whole components count. */
function swapPrefix(path: string, from: string, to: string): string | undefined {
  if (path === from) return to;
  const prefix = withSlash(from);
  return path.startsWith(prefix) ? withSlash(to) + path.slice(prefix.length) : undefined;
}

export class Sources {
  private readonly exists = new Map<string, boolean>();
  /** Files that are not here, by the reference that stands for them. */
  private readonly missing: string[] = [];

  constructor(private readonly context: SessionContext) {}

  /**
   * Where a file of the debug information is on this machine (sourceMap; the longest prefix that fits counts). A path
   * that is relative even so counts from the program's folder: such a program can be moved together with its sources.
   */
  toLocal(path: string): string {
    const local = this.swap(
      path,
      ([from, to]) => swapPrefix(path, from, to),
      ([from]) => from.length,
    );
    return isAbsolutePath(local) ? local : joinPath(this.context.guest.programPath, '..', local);
  }

  /** What the debug information calls a file of this machine. */
  toDebugInfo(path: string): string {
    return this.swap(
      path,
      ([from, to]) => swapPrefix(path, to, from),
      ([, to]) => to.length,
    );
  }

  /** For a frame or a breakpoint. A file that is not there is shown as such, and the disassembly is opened instead. */
  async describe(debugPath: string): Promise<DebugProtocol.Source> {
    const path = this.toLocal(debugPath);
    const name = baseName(path);
    if (await this.isThere(path)) return { name, path };
    return {
      ...{ name, path, presentationHint: 'deemphasize', origin: 'file not found' },
      sourceReference: this.referenceOf(debugPath),
    };
  }

  /** The file, as the debug information calls it, that a reference stands for. */
  missingFile(reference: number): string | undefined {
    return this.missing[reference - 1];
  }

  private referenceOf(debugPath: string): number {
    const known = this.missing.indexOf(debugPath);
    return known < 0 ? this.missing.push(debugPath) : known + 1;
  }

  private async isThere(path: string): Promise<boolean> {
    const known = this.exists.get(path);
    if (known !== undefined) return known;
    const found = await this.context.host.fileExists(path);
    this.exists.set(path, found);
    return found;
  }

  private swap(
    path: string,
    attempt: (entry: [string, string]) => string | undefined,
    length: (entry: [string, string]) => number,
  ): string {
    const entries = Object.entries(this.context.guest.configuration.sourceMap);
    entries.sort((a, b) => length(b) - length(a));
    for (const entry of entries) {
      const swapped = attempt(entry);
      if (swapped !== undefined) return swapped;
    }
    return path;
  }
}

export function registerSourceRequests(registry: Registry, context: SessionContext, sources: Sources): void {
  registry.on('source', 'initialized', async (args) => {
    const missing = referenced(sources, args);
    if (missing !== undefined) {
      context.gate('stopped');
      const view = context.view(context.focusHart);
      return { content: sourceListing(context.spaces.programs, missing, view), mimeType: 'text/x-c' };
    }
    const path = sourcePath(args);
    const content = await context.host.readTextFile(path);
    if (content === undefined) throw userError('SOURCE_NOT_FOUND', `${path} cannot be read; see "sourceMap"`);
    return { content };
  });
  registry.on('loadedSources', 'guest', async () => {
    const files = new Set(context.spaces.files.flatMap(({ symbols }) => symbols.sourceFiles()));
    return { sources: await Promise.all([...files].map((file) => sources.describe(file))) };
  });
  registry.on('modules', 'guest', (args) => modules(context, args));
  registry.on('breakpointLocations', 'guest', (args) => breakpointLocations(context, sources, args));
}

/** The file that a client asks for by a reference: `source` counts before the older field. */
function referenced(sources: Sources, args: Message): string | undefined {
  const source = args.field('source');
  const within =
    source === undefined ? undefined : new Message('source', source).optionalCount('sourceReference');
  const reference = within ?? args.optionalCount('sourceReference') ?? 0;
  if (reference === 0) return undefined;
  const file = sources.missingFile(reference);
  if (file === undefined) throw userError('SOURCE_REFERENCE', `no source has the reference ${reference}`);
  return file;
}

/** A file with symbols, without a look at what is in it: that may take a while. */
export const moduleOf = ({
  id,
  path,
  space,
}: GuestProgram): DebugProtocol.Module & { addressSpace: string } => ({
  ...{ id, name: baseName(path), path, symbolFilePath: path, isUserCode: true, addressSpace: space },
});

function fullModuleOf(program: GuestProgram): DebugProtocol.Module {
  const hasLines = program.symbols.sourceFiles().length > 0;
  const symbolStatus = hasLines ? 'Symbols and line numbers loaded' : 'No line numbers';
  return { ...moduleOf(program), symbolStatus };
}

function modules({ spaces }: SessionContext, args: Message): object {
  const all = spaces.files.map(fullModuleOf);
  const start = args.optionalCount('startModule') ?? 0;
  const count = args.optionalCount('moduleCount') ?? 0;
  return {
    modules: count === 0 ? all.slice(start) : all.slice(start, start + count),
    totalModules: all.length,
  };
}

/** More lines than anybody asks about at once; columns of each cost a look at the line table. */
const LINES_WITH_COLUMNS_MAX = 100;

function breakpointLocations(context: SessionContext, sources: Sources, args: Message): object {
  const { programs } = context.spaces;
  const path = sources.toDebugInfo(sourcePath(args));
  const shift = context.client.linesStartAt1 ? 0 : 1;
  const columnShift = context.client.columnsStartAt1 ? 0 : 1;
  const first = args.count('line') + shift;
  const last = (args.optionalCount('endLine') ?? first - shift) + shift;
  const from = (args.optionalCount('column') ?? 0) + columnShift;
  const to = (args.optionalCount('endColumn') ?? Infinity) + columnShift;
  const lines = linesOfFile(programs, path).filter((line) => line >= first && line <= last);
  const isWithin = (line: number, column: number): boolean =>
    (line > first || column >= from) && (line < last || column <= to);
  return {
    breakpoints: lines.flatMap((line): DebugProtocol.BreakpointLocation[] => {
      const columns = lines.length > LINES_WITH_COLUMNS_MAX ? [] : columnsOfLine(programs, path, line);
      const shown = columns.filter((column) => isWithin(line, column));
      if (columns.length === 0) return [{ line: line - shift }];
      return shown.map((column) => ({ line: line - shift, column: column - columnShift }));
    }),
  };
}
