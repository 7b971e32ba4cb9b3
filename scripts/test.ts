/**
 * The whole test command: the build, then the static checks and mocha once per folder of test/ (a process each, so that a
 * crash or a leak in one room does not hide the others), two at a time where the machine has two cores; each one's output
 * comes as a whole when it has ended. Everything runs even after a failure. The last line is
 * `N passed, N failed, N skipped`, which test harnesses look for; a check that fails, or a mocha that dies, counts as one
 * failure.
 *
 * Usage: npm test [-- [--unit] [--only FOLDER]... [mocha arguments, e.g. --grep TEXT]]. --unit leaves the static checks out.
 */
import { spawn, type SpawnOptions } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SuiteResult } from '../test/support/reporter';

const root = join(__dirname, '..');

interface Options {
  readonly unit: boolean;
  readonly only: readonly string[];
  readonly mocha: readonly string[];
}

function parse(args: readonly string[]): Options {
  const only: string[] = [];
  const mocha: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--only') only.push(args[++i] ?? '');
    else if (arg !== '--unit') mocha.push(arg);
  }
  return { unit: args.includes('--unit'), only, mocha };
}

/**
 * Ends a mocha that hangs, or that a leaked handle keeps alive; far above what any folder needs. CHRONOVISOR_FOLDER_MINUTES:
 * how long, for who makes tests longer by their own variables (.ci/nightly).
 */
const folderLimitMs = Number(process.env['CHRONOVISOR_FOLDER_MINUTES'] ?? 25) * 60_000;

/** Those that take longest begin first, so that none of them runs on when all others have ended. */
const LONGEST = ['guests', 'lockstep', 'checkpoint', 'corpus', 'host', 'symbols', 'cli'];
/** A browser and VS Code drive each other there, and people's patience is part of it: nothing beside it. */
const ALONE = ['e2e'];

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs a process; what it writes is passed on when it has ended. */
function run(file: string, args: readonly string[], options: SpawnOptions, heading: string): Promise<Ended> {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const written: Uint8Array[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Uint8Array) => void written.push(bytes));
    child.once('error', (error) => void written.push(Buffer.from(`${error.message}\n`)));
    child.once('close', (status, signal) => {
      process.stdout.write(Buffer.concat([Buffer.from(`\n=== ${heading}\n`), ...written]));
      console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${heading} (${seconds(start)})`);
      resolve({ status, signal });
    });
  });
}

const FAILED: SuiteResult = { passed: 0, failed: 1, skipped: 0 };
const NOTHING: SuiteResult = { passed: 0, failed: 0, skipped: 0 };

/** Runs one npm script. */
async function check(script: string): Promise<SuiteResult> {
  const { status } = await run('npm', ['run', '--silent', script], {}, script);
  return status === 0 ? NOTHING : FAILED;
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** One mocha run; `files` is not empty. */
async function suite(name: string, files: readonly string[], args: readonly string[]): Promise<SuiteResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'chronovisor-test-'));
  const resultFile = join(scratch, 'result.json');
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = ['--reporter', join(root, 'test/support/reporter.ts')];
  const strict = process.env['CI'] === 'true' ? ['--forbid-only'] : [];
  const { status, signal } = await run(
    process.execPath,
    [mocha, ...reporter, ...strict, ...args, ...files],
    { timeout: folderLimitMs, env: { ...process.env, MOCHA_RESULT: resultFile } },
    name,
  );
  const counted = existsSync(resultFile)
    ? (JSON.parse(readFileSync(resultFile, 'utf8')) as SuiteResult)
    : FAILED;
  rmSync(scratch, { recursive: true });
  if (signal !== null) console.log(`mocha was ended by ${signal}`);
  return { ...counted, failed: status === 0 ? counted.failed : Math.max(1, counted.failed) };
}

type Task = () => Promise<SuiteResult>;

/** Runs all tasks, so many at a time. */
async function inTurns(tasks: readonly Task[], atOnce: number): Promise<SuiteResult> {
  const total = { ...NOTHING };
  const waiting = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task; task = waiting.shift()) {
      const { passed, failed, skipped } = await task();
      total.passed += passed;
      total.failed += failed;
      total.skipped += skipped;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return total;
}

const sum = (results: readonly SuiteResult[]): SuiteResult => ({
  passed: results.reduce((all, { passed }) => all + passed, 0),
  failed: results.reduce((all, { failed }) => all + failed, 0),
  skipped: results.reduce((all, { skipped }) => all + skipped, 0),
});

async function main(): Promise<void> {
  const options = parse(process.argv.slice(2));
  const checks = options.unit ? [] : ['format:check', 'lint', 'typecheck', 'layers', 'deadcode'];
  const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && (options.only.length === 0 || options.only.includes(entry.name)),
    )
    .map((entry) => entry.name);
  const ordered = [...LONGEST.filter((name) => folders.includes(name)), ...folders];
  const suites = (names: readonly string[]): Task[] =>
    [...new Set(names)].flatMap((name) => {
      const files = testFiles(join(root, 'test', name));
      return files.length === 0 ? [] : [() => suite(name, files, options.mocha)];
    });
  const built = await check('build');
  const beside = [
    ...suites(ordered.filter((name) => !ALONE.includes(name))),
    ...checks.map((script) => () => check(script)),
  ];
  const most = await inTurns(beside, Math.min(2, availableParallelism()));
  const rest = await inTurns(suites(folders.filter((name) => ALONE.includes(name))), 1);
  const { passed, skipped, ...all } = sum([built, most, rest]);
  const nothing = passed + all.failed + skipped === 0 && options.mocha.length === 0;
  const failed = all.failed + (nothing ? 1 : 0);
  console.log(`\n${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped`);
  if (failed > 0) process.exitCode = 1;
}

void main();
