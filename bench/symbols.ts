/**
 * The first breakpoint in a program with 500 MB of debug information, by function and by line: from the start of a process to
 * the address, and the memory that it takes, next to GDB's. Both read the same file, in turns.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { SymbolFiles } from '../src/host/symbol-files';
import { SymbolFile } from '../src/symbols/symbol-file';
import { findTool } from '../test/support/tools';
import { benchScript } from './resuming';
import { median, spread } from './statistics';
import { SYMBOL_TOOLS, symbolsProgram, TARGET } from './symbols-file';
import type { BenchResult, Figure } from './types';

const GDB = 'gdb-multiarch';
const REPEATS = 5;
const MAX_MORE_MB = 400;

/** Name of the part that runs in a process of its own: `symbols-once PATH WHERE`. */
export const SYMBOLS_ONCE = 'symbols-once';

interface Measured {
  readonly ms: number;
  /** Processor time of the process. */
  readonly cpuMs: number;
  /** Peak of resident memory, beyond what the process had before it began. */
  readonly megabytes: number;
  readonly address: string;
}

/** Sets one breakpoint, at `FUNCTION` or `FILE:LINE`, and prints what it took. */
export function symbolsOnce(path: string, where: string): void {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const cpu = process.cpuUsage();
  const files = new SymbolFiles();
  const source = files.openFile(path);
  if (source === undefined) throw new Error(`${path} cannot be opened`);
  const symbols = SymbolFile.open(source, { path, openFile: files.openFile });
  const [file = '', line] = where.split(':');
  const address =
    line === undefined
      ? symbols.breakpointAddressOf(file)
      : symbols.addressesOfLine(file, Number(line)).addresses[0];
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const megabytes = (process.resourceUsage().maxRSS * 1024 - before) / 2 ** 20;
  const measured: Measured = {
    ms,
    cpuMs: (user + system) / 1000,
    megabytes,
    address: address?.toString(16) ?? '',
  };
  console.log(JSON.stringify(measured));
  files.close();
}

function ours(path: string, where: string): Measured {
  const args = [...process.execArgv, benchScript, SYMBOLS_ONCE, path, where];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
}

/** GDB's own measure: `maint set per-command` counts from the start of a command; the load is that of `file`. */
function gdbs(path: string, where: string): Measured {
  const script = `import gdb, os, resource, time
def rss(): return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGESIZE')
before = rss(); started = time.time(); cpu = time.process_time()
gdb.execute('file ' + ${JSON.stringify(path)}, to_string=True)
said = gdb.execute('break ' + ${JSON.stringify(where)}, to_string=True)
ms = (time.time() - started) * 1000; cpuMs = (time.process_time() - cpu) * 1000
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print('\\nmeasured', ms, cpuMs, (peak - before) / 2**20, said.split(' at ')[1].split(':')[0])`;
  const quiet = ['-nx', '-batch', '-iex', 'set debuginfod enabled off'];
  const { stdout } = spawnSync(GDB, [...quiet, '-ex', `python exec(${JSON.stringify(script)})`], {
    encoding: 'utf8',
  });
  const [, ms, cpuMs, megabytes, address = ''] = /measured (\S+) (\S+) (\S+) 0x(\S+)/.exec(stdout) ?? [];
  return { ms: Number(ms), cpuMs: Number(cpuMs), megabytes: Number(megabytes), address };
}

function compare(path: string, name: string, where: string): Figure[] {
  const runs = Array.from({ length: REPEATS }, () => ({ ours: ours(path, where), gdb: gdbs(path, where) }));
  for (const run of runs) {
    if (run.ours.address !== run.gdb.address)
      throw new Error(`${where}: GDB sets its breakpoint at ${run.gdb.address}, we at ${run.ours.address}`);
  }
  const times = runs.map((run) => run.ours.ms);
  const ratios = runs.map((run) => run.ours.ms / run.gdb.ms);
  return [
    { name: `first breakpoint by ${name}`, value: median(times), unit: 'ms', noise: spread(times) },
    { name: 'the same: processor time', value: median(runs.map((run) => run.ours.cpuMs)), unit: 'ms' },
    {
      name: 'the same: of the time that GDB takes',
      value: median(ratios),
      unit: 'times',
      target: { atMost: 1 },
    },
    {
      name: 'the same: memory more than before, at most',
      value: Math.max(...runs.map((run) => run.ours.megabytes)),
      unit: 'MB',
      target: { atMost: MAX_MORE_MB },
    },
    { name: 'GDB: time', value: median(runs.map((run) => run.gdb.ms)), unit: 'ms' },
    { name: 'GDB: processor time', value: median(runs.map((run) => run.gdb.cpuMs)), unit: 'ms' },
    { name: 'GDB: memory', value: Math.max(...runs.map((run) => run.gdb.megabytes)), unit: 'MB' },
  ];
}

export function symbols(): Promise<BenchResult> {
  const missing = [...SYMBOL_TOOLS, GDB].filter((name) => findTool(name) === undefined);
  if (missing.length > 0)
    return Promise.resolve({
      name: 'symbols',
      figures: [],
      skipped: [`${missing.join(', ')} not installed`],
    });
  const path = symbolsProgram();
  const figures: Figure[] = [
    { name: 'the program, with its debug information', value: statSync(path).size / 1e6, unit: 'MB' },
    ...compare(path, 'function', TARGET.functionName),
    ...compare(path, 'line', `${TARGET.file}:${TARGET.line}`),
  ];
  return Promise.resolve({ name: 'symbols', figures, skipped: [] });
}
