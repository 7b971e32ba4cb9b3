/** The demo is a test, too: it must do what README.md shows, from any folder, and the guest must be what its sources say. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleOf } from '../../samples/demo/show';
import { tour } from '../../samples/demo/tour';
import { findTool, requireTool } from '../support/tools';

const root = join(__dirname, '../..');
const sample = join(root, 'samples/demo');
const readme = join(root, 'README.md');

/**
 * Everything but the host's time is the same in every run. State hashes change whenever a device's saved section gets a
 * field, which is no change of the demo: only which of them are equal counts.
 */
function timeless(text: string): string {
  const states: string[] = [];
  const ordinal = (hash: string): string => {
    if (!states.includes(hash)) states.push(hash);
    return `state ${states.indexOf(hash) + 1}`;
  };
  return text
    .replace(/\d+ ms\b/gu, 'N ms')
    .replace(/\d+\.\d s\b/gu, 'N s')
    .replace(/state ([0-9a-f]{16})\b/gu, (_, hash: string) => ordinal(hash));
}

const TRANSCRIPT = /(?<=```text\n)Chronovisor: a RISC-V guest[\s\S]*?(?=```)/u;

/** The README's transcript; UPDATE_GOLDEN=1 writes it anew. */
function transcript(actual: string): string {
  const text = readFileSync(readme, 'utf8');
  if (process.env['UPDATE_GOLDEN'] === '1') {
    writeFileSync(
      readme,
      text.replace(TRANSCRIPT, () => actual),
    );
    return actual;
  }
  return TRANSCRIPT.exec(text)?.[0] ?? 'README.md has no transcript';
}

describe('demo', function () {
  this.timeout(120_000);
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-demo-'));
    cpSync(sample, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = async (colours: boolean): Promise<string> => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(`${line}\n`);
    await tour(folder, print, styleOf(colours), () => performance.now());
    return lines.join('');
  };

  it('says into a pipe, without colours, what README.md shows', () => {
    const args = ['--import', 'tsx', join(sample, 'demo.ts')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.equal(timeless(stdout), timeless(transcript(stdout)));
    assert.equal(stdout.includes('\u001b'), false, 'no escape sequences');
  });

  it('does the same in any folder, and in colour only the colours are added', async () => {
    const coloured = await run(true);
    assert.match(coloured, /\u001b\[32m/u);
    assert.equal(
      timeless(coloured.replace(/\u001b\[\d+m/gu, '')),
      timeless(TRANSCRIPT.exec(readFileSync(readme, 'utf8'))?.[0] ?? ''),
    );
  });

  it('fails when a step does not do what it says', async () => {
    const file = join(folder, 'bank.c');
    writeFileSync(file, readFileSync(file, 'utf8').replace('bells++;', 'bells += 1;'));
    await assert.rejects(run(false), /expected: a stop in on_bell\(\), not in .*power_off/u);
  });

  it('has a guest without a path of the machine that built it', () => {
    const elf = readFileSync(join(sample, 'bank.elf'), 'latin1');
    assert.deepEqual(elf.match(/\/(?:home|root|tmp|usr|work|Users)\b[^\0]*/gu) ?? [], []);
  });

  it('has a guest that its Makefile rebuilds, byte for byte with the compiler that was used', function () {
    requireTool(this, 'make', 'riscv64-unknown-elf-gcc');
    rmSync(join(folder, 'bank.elf'));
    const { status, stderr } = spawnSync('make', ['-s'], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const rebuilt = readFileSync(join(folder, 'bank.elf'));
    const kept = readFileSync(join(sample, 'bank.elf'));
    const compiler = spawnSync(findTool('riscv64-unknown-elf-gcc') ?? '', ['-dumpfullversion']);
    if (kept.includes(`GNU C17 ${compiler.stdout.toString().trim()} `)) {
      assert.equal(Buffer.compare(rebuilt, kept), 0, 'the same bytes');
    } else console.log('      not compared with the one kept here: another compiler');
  });
});
