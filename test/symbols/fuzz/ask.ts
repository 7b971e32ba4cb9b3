/** All questions that a session has for a symbol file, asked of a damaged one. Types and variables are looked at too. */
import assert from 'node:assert/strict';
import { UserError } from '../../../src/base/errors';
import { bytesSource, type ByteSource } from '../../../src/symbols/bytes';
import { ElfFile } from '../../../src/symbols/elf/elf-file';
import { loadableSegments } from '../../../src/symbols/elf/load';
import { SymbolFile } from '../../../src/symbols/symbol-file';
import type { Type } from '../../../src/symbols/types';
import type { FrameContext, Variable } from '../../../src/symbols/variables';

/** Milliseconds for one call. */
const MAX_CALL_MS = 1000;

/** The processor time of this process in milliseconds: other work on the machine does not count. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** Runs a call, which may throw nothing or (with `refuses`) a UserError, and must not take long. */
const call = <T>(name: string, run: () => T, refuses = false): T | undefined => {
  const started = cpuMs();
  try {
    return run();
  } catch (error) {
    if (refuses && error instanceof UserError) return undefined;
    throw error;
  } finally {
    const took = cpuMs() - started;
    if (took > MAX_CALL_MS) throw new Error(`${name} takes ${took.toFixed(0)} ms`);
  }
};

const frame: FrameContext = {
  pc: 0x10100n,
  register: (number) => (number < 32 ? BigInt(number) * 0x1000n : undefined),
  read: (address, byteSize) => new Uint8Array(Math.min(byteSize, 4096)).fill(Number(address & 0xffn)),
  cfa: 0x8000_0000n,
  caller: () => undefined,
};

/** Bounded looks into what a type is made of: it may refer to itself. */
const lookAt = (type: Type, budget: { left: number }): void => {
  if (budget.left-- <= 0) return;
  switch (type.kind) {
    case 'struct':
      for (const member of type.members.slice(0, 50)) lookAt(member.type, budget);
      assert.ok(type.staticMembers.every((one) => one.name.length >= 0));
      return;
    case 'array':
      lookAt(type.element, budget);
      return;
    case 'enum':
      assert.ok(type.enumerators.length >= 0);
      return;
    case 'pointer':
    case 'memberPointer':
    case 'typedef':
    case 'qualified':
      lookAt(type.target, budget);
      return;
    case 'function':
      lookAt(type.returns, budget);
      for (const parameter of type.parameters.slice(0, 20)) lookAt(parameter.type, budget);
      return;
    case 'base':
    case 'void':
  }
};

const lookAtVariable = (variable: Variable): void => {
  variable.locate(frame);
  assert.ok((variable.declaration?.line ?? 0) >= 0);
  lookAt(variable.type, { left: 100 });
};

/** `companions` gives the bytes of every other file that is asked for. */
export const askEverything = (
  bytes: Uint8Array,
  addresses: readonly bigint[],
  companion: ((path: string) => ByteSource | undefined) | undefined,
): void => {
  const source = bytesSource(bytes);
  call('loadableSegments', () => loadableSegments(ElfFile.open(source)), true);
  call('symbols', () => ElfFile.open(source).symbols().length, true);
  const moved = { '.text': 0xffff_ffff_0100_0000n, '.debug_info': 1n, '': 2n };
  const options = {
    path: '/program/guest.elf',
    sectionAddresses: moved,
    ...(companion && { openFile: companion }),
  };
  const file = call('open', () => SymbolFile.open(source, options), true);
  if (file === undefined) return;
  for (const address of addresses) {
    call('functionAt', () => file.functionAt(address));
    call('inlinedAt', () => file.inlinedAt(address));
    call('lineAt', () => file.lineAt(address));
    call('rangesOfLineAt', () => file.rangesOfLineAt(address));
    call('frameInfoAt', () => file.frameInfoAt(address));
    call('functionTypeAt', () => file.functionTypeAt(address));
    const scopes = call('scopesAt', () => file.scopesAt(address)) ?? [];
    const variables = scopes.flatMap(({ blocks }) => blocks.flatMap((block) => block.variables));
    for (const variable of variables.slice(0, 20)) call('variable', () => lookAtVariable(variable));
  }
  call('sourceFiles', () => file.sourceFiles());
  call('addressesOfLine', () => file.addressesOfLine('main.c', 30));
  call('linesOfFile', () => file.linesOfFile('helper.c'));
  for (const name of ['fibonacci', 'nothing', 'ns::max<int>'])
    call('breakpoints', () => file.breakpointAddressesOf(name));
  for (const name of ['RED', 'a::B', '']) call('constantNamed', () => file.constantNamed(name, addresses[0]));
  call('symbolNamed', () => file.symbolNamed('main'));
  call('symbolsMatching', () => file.symbolsMatching('', 5));
  const globals = call('globalsAt', () => file.globalsAt(addresses[0] ?? 0n)) ?? [];
  for (const variable of globals.slice(0, 20)) call('global', () => lookAtVariable(variable));
  const hidden = call('variableNamed', () => file.variableNamed('hidden'));
  if (hidden !== undefined) call('hidden', () => lookAtVariable(hidden));
  for (const kind of ['nothing', 'struct nothing', 'long', 'a::b<c>'])
    call('typeNamed', () => file.typeNamed(kind, addresses[0]));
  const point = call('typeNamed', () => file.typeNamed('struct point'));
  if (point !== undefined) call('point', () => lookAt(point, { left: 100 }));
  call('warnings', () => file.warnings.join());
};
