/**
 * Damaged ELF and DWARF, asked everything in a process with little memory: nothing but UserErrors (where a file is opened),
 * no call longer than a second, and the process lives. Some seeds are asked each time, then as many others as there
 * is time for: CHRONOVISOR_FUZZ_SECONDS, CHRONOVISOR_FUZZ_SEED.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { inCi, requireTool } from '../../support/tools';
import { BUILDS, Corpus, ELF_GCC, LINUX_GCC } from '../support';

const SECONDS = Number(process.env['CHRONOVISOR_FUZZ_SECONDS'] ?? (inCi() ? 60 : 8));
const SEED = Number(process.env['CHRONOVISOR_FUZZ_SEED'] ?? Date.now() % 2 ** 30);
/** Megabytes for JavaScript: a session has more, and damage must not take it. */
const MEMORY_MB = 256;
const NAMES = ['dwarf2-O0', 'dwarf3-O1', 'dwarf4-O2', 'dwarf5-O2', 'dwarf5-64', 'zlib'];

/** Damaged files that are the same each time (for the same compilers): seeds 1 to this. */
const ALWAYS = 60;

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly lastSeed: number | undefined;
}

const run = (seconds: number, seed: number, atLeast: number, paths: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const child = fork(
      join(import.meta.dirname, 'child.ts'),
      [String(seconds), String(seed), String(atLeast), ...paths],
      {
        execArgv: ['--import', 'tsx', `--max-old-space-size=${MEMORY_MB}`],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    let output = '';
    let lastSeed: number | undefined;
    child.stdout?.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
    child.on('message', (message) => (lastSeed = Number(message)));
    // A hang would not print anything: the process is ended, and the last seed tells which one it was.
    const limit = setTimeout(() => child.kill('SIGKILL'), (seconds + 60) * 1000);
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ code, output, lastSeed });
    });
  });

describe('fuzzed symbol files', function () {
  this.timeout((SECONDS + 240) * 1000);
  let corpus: Corpus;
  let paths: readonly string[];
  before(function () {
    requireTool(this, ELF_GCC, LINUX_GCC);
    corpus = new Corpus();
    paths = NAMES.map((name) => corpus.build(BUILDS.find((one) => one.name === name) ?? assert.fail(name)));
  });
  after(() => corpus.dispose());

  const check = ({ code, output, lastSeed }: Ended): void =>
    assert.equal(
      code,
      0,
      `after seed ${lastSeed ?? 'none'} (CHRONOVISOR_FUZZ_SEED repeats it): ${output.slice(-3000)}`,
    );

  it('that are the same each time', async () => check(await run(0, 1, ALWAYS, paths)));

  it(`for ${SECONDS} seconds from seed ${SEED}`, async () => {
    const ended = await run(SECONDS, SEED, 1, paths);
    check(ended);
    console.log(`      ${ended.output.trim()}`);
    assert.match(ended.output, /^[1-9]\d* damaged files$/m);
  });
});
