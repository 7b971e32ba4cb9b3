/**
 * The whole test command: the static checks, the build, then mocha once per folder of test/ (a process each, so that a
 * crash or a leak in one room does not hide the others). Everything runs even after a failure. The last line is
 * `N passed, N failed, N skipped`, which test harnesses look for; a check that fails, or a mocha that dies, counts as one
 * failure.
 *
 * Usage: npm test [-- [--unit] [--only FOLDER]... [mocha arguments, e.g. --grep TEXT]]. --unit leaves the static checks out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

/** Ends a mocha that hangs, or that a leaked handle keeps alive; far above what any folder needs. */
const folderLimitMs = 15 * 60_000;

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Runs one npm script; true if it succeeded. */
function check(script: string): boolean {
  const start = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', script], { cwd: root, stdio: 'inherit' });
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${script} (${seconds(start)})`);
  return status === 0;
}

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** One mocha run; `files` is not empty. */
function suite(name: string, files: readonly string[], args: readonly string[]): SuiteResult {
  console.log(`\n=== ${name}`);
  const start = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), 'chronovisor-test-'));
  const resultFile = join(scratch, 'result.json');
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const reporter = ['--reporter', join(root, 'test/support/reporter.ts')];
  const strict = process.env['CI'] === 'true' ? ['--forbid-only'] : [];
  const { status, signal } = spawnSync(process.execPath, [mocha, ...reporter, ...strict, ...args, ...files], {
    cwd: root,
    stdio: 'inherit',
    timeout: folderLimitMs,
    env: { ...process.env, MOCHA_RESULT: resultFile },
  });
  const dead: SuiteResult = { passed: 0, failed: 1, skipped: 0 };
  const counted = existsSync(resultFile)
    ? (JSON.parse(readFileSync(resultFile, 'utf8')) as SuiteResult)
    : dead;
  rmSync(scratch, { recursive: true });
  const failed = status === 0 ? counted.failed : Math.max(1, counted.failed);
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds(start)})`);
  if (signal !== null) console.log(`mocha was ended by ${signal}`);
  return { ...counted, failed };
}

function main(): void {
  const options = parse(process.argv.slice(2));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const checks = options.unit ? [] : ['format:check', 'lint', 'typecheck', 'layers', 'deadcode'];
  for (const script of [...checks, 'build']) if (!check(script)) total.failed++;

  const folders = readdirSync(join(root, 'test'), { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && (options.only.length === 0 || options.only.includes(entry.name)),
    )
    .map((entry) => entry.name);
  for (const folder of folders) {
    const files = testFiles(join(root, 'test', folder));
    if (files.length === 0) continue;
    const result = suite(folder, files, options.mocha);
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
  }
  const filtered = options.mocha.length > 0;
  if (total.passed + total.failed + total.skipped === 0 && !filtered) total.failed++;
  console.log(
    `\n${String(total.passed)} passed, ${String(total.failed)} failed, ${String(total.skipped)} skipped`,
  );
  if (total.failed > 0) process.exitCode = 1;
}

main();
