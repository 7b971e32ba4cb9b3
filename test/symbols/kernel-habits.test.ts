/** What kernels do to their symbols that programs do not: room for patches before functions, variables of the linker script. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '../../src/symbols/bytes';
import { SymbolFile } from '../../src/symbols/symbol-file';
import type { FrameContext } from '../../src/symbols/variables';
import { requireTool } from '../support/tools';

const GCC = 'riscv64-unknown-elf-gcc';
const source = `
unsigned long ticks_64 = 5;
extern volatile unsigned long ticks;
int traced(int first, int second) { return first + second + (int)ticks; }
void _start(void) { traced(1, 2); }
`;
const nowhere: FrameContext = {
  pc: 0n,
  cfa: undefined,
  register: () => undefined,
  read: () => undefined,
  caller: () => undefined,
};

describe('symbols of kernels', () => {
  let folder = '';
  let symbols: SymbolFile;

  before(function () {
    requireTool(this, GCC, 'gdb-multiarch');
    folder = mkdtempSync(join(tmpdir(), 'habits-'));
    writeFileSync(join(folder, 'traced.c'), source);
    const flags = ['-march=rv64gc', '-mabi=lp64d', '-nostdlib', '-g', '-O1', '-Wl,--defsym=ticks=ticks_64'];
    const patch = '-fpatchable-function-entry=8,4';
    execFileSync(GCC, [...flags, patch, 'traced.c', '-o', 'traced.elf'], { cwd: folder });
    symbols = SymbolFile.open(bytesSource(readFileSync(join(folder, 'traced.elf'))));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('sets breakpoints behind the room for patches, where GDB does, with the parameters known', () => {
    const entry = symbols.symbolNamed('traced')?.address ?? 0n;
    const [at] = symbols.breakpointAddressesOf('traced');
    const args = ['-q', '-nx', '-batch', '-ex', 'info address traced', 'traced.elf'];
    const told = execFileSync('gdb-multiarch', args, { cwd: folder, encoding: 'utf8' });
    assert.equal(at, BigInt(/0x[0-9a-f]+/u.exec(told)?.[0] ?? 0));
    assert.notEqual(at, entry);
    const [scope] = symbols.scopesAt(at);
    const names = scope?.blocks.flatMap(({ variables }) => variables.map(({ name }) => name));
    assert.deepEqual(names, ['first', 'second']);
  });

  it('takes the type of a variable of the linker script from its declaration', () => {
    const variable = symbols.variableNamed('ticks');
    assert.equal(variable?.type.kind, 'qualified');
    const address = symbols.symbolNamed('ticks_64')?.address;
    assert.deepEqual(variable.locate(nowhere), { kind: 'memory', address });
  });
});
