/**
 * Damaged types, variables and locations: real files with bytes of the debug sections changed, asked everything that a
 * session asks. What cannot be read is missing or said to be unreadable; nothing is thrown, and all of it soon. Seeded.
 */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../src/symbols/bytes';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { byteSizeOf } from '../../src/symbols/type-size';
import type { Type } from '../../src/symbols/types';
import type { FrameContext, Location, Variable } from '../../src/symbols/variables';
import { open } from './support';
import { TYPED_BUILDS, typedCorpus } from './typed-support';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20261122);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 40);

const frameAt = (pc: bigint, depth = 0): FrameContext => ({
  pc,
  register: (number) => (number < 64 ? 0x8000_0000n + BigInt(number * 64) : undefined),
  read: (address, byteSize) =>
    byteSize < 4096 ? new Uint8Array(byteSize).fill(Number(address & 0x7fn)) : undefined,
  cfa: 0x8000_4000n,
  // Every function its own caller.
  caller: () => (depth > 3 ? undefined : frameAt(pc, depth + 1)),
});

/** Looks at a type as deep as a person would open it. */
const walk = (type: Type, frame: FrameContext, left: { parts: number }, depth = 0): void => {
  if (depth > 12 || --left.parts < 0) return;
  const inner = (one: Type): void => walk(one, frame, left, depth + 1);
  byteSizeOf(type);
  switch (type.kind) {
    case 'pointer':
    case 'typedef':
    case 'qualified':
      return inner(type.target);
    case 'memberPointer':
      inner(type.target);
      return inner(type.container);
    case 'array':
      for (const { count } of type.dimensions) {
        if (count?.kind === 'expression') look(count.evaluate(frame), frame, left, depth);
      }
      return inner(type.element);
    case 'struct':
      for (const member of type.members.slice(0, 50)) {
        inner(member.type);
        member.addressIn?.(0x8000_0000n, frame);
      }
      for (const variant of type.variantPart?.variants ?? [])
        variant.members.forEach((one) => inner(one.type));
      type.staticMembers.slice(0, 5).forEach((one) => look(one.locate(frame), frame, left, depth));
      return;
    case 'function':
      type.parameters.slice(0, 20).forEach((one) => inner(one.type));
      return inner(type.returns);
    case 'enum':
      assert.ok(Array.isArray(type.enumerators));
      return;
    case 'base':
    case 'void':
      assert.equal(typeof type.name, 'string');
  }
};

const look = (location: Location, frame: FrameContext, left: { parts: number }, depth: number): void => {
  if (depth > 6 || --left.parts < 0) return;
  if (location.kind === 'implicitPointer' && location.target !== undefined)
    look(location.target.locate(frame), frame, left, depth + 1);
  if (location.kind === 'pieces')
    location.pieces.slice(0, 20).forEach((piece) => look(piece.location, frame, left, depth + 1));
};

const NAMES = [
  'struct everything',
  'struct opaque',
  'handler_t',
  'outer::inner::Derived',
  'Bytes',
  'no such',
];

const askAll = (bytes: Uint8Array, addresses: readonly bigint[]): void => {
  const file = SymbolFile.open(bytesSource(bytes));
  const left = { parts: 4000 };
  const lookAt = (variable: Variable | undefined, frame: FrameContext): void => {
    if (variable === undefined) return;
    assert.equal(typeof variable.name, 'string');
    assert.ok(variable.declaration?.line !== 0);
    walk(variable.type, frame, left);
    look(variable.locate(frame), frame, left, 0);
  };
  for (const pc of addresses) {
    const frame = frameAt(pc);
    for (const scope of file.scopesAt(pc)) {
      for (const block of scope.blocks) block.variables.forEach((one) => lookAt(one, frame));
    }
    const entry = file.functionTypeAt(pc);
    if (entry !== undefined) walk(entry.type, frame, left);
  }
  const frame = frameAt(addresses[0] ?? 0n);
  file.globalsAt(frame.pc).forEach((one) => lookAt(one, frame));
  for (const name of NAMES) {
    const type = file.typeNamed(name, frame.pc);
    if (type !== undefined) walk(type, frame, left);
    lookAt(file.variableNamed(name, frame.pc), frame);
  }
};

describe('hostile types and variables', function () {
  this.timeout(120_000);
  const corpus = typedCorpus();

  for (const name of ['gcc-3-O1', 'gcc-5-O2', 'clang-5-O1', 'g++-4-types', 'g++-5-O2']) {
    it(`${name}: damaged anywhere, are read as far as they go`, () => {
      const build = TYPED_BUILDS.find((one) => one.name === name) ?? assert.fail();
      const path = corpus.build(build);
      const original = readFileSync(path);
      const { elf } = open(path);
      const text = elf.sectionNamed('.text') ?? assert.fail();
      const addresses = Array.from(
        { length: 16 },
        (_, i) => text.address + BigInt(((text.size >> 5) * i) << 1),
      );
      const targets = elf.sections.filter(
        (one) => /^\.debug_(info|abbrev|loc|rng|ranges|str|addr|types)/.test(one.name) && one.size > 0,
      );
      const place = fc.tuple(fc.nat(targets.length - 1), fc.nat()).map(([which, at]) => {
        const target = targets[which] ?? assert.fail();
        return target.fileOffset + (at % target.size);
      });
      const value = fc.oneof(fc.constantFrom(0, 0xff, 0x7f, 0x80, 1), fc.nat(255));
      const changes = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 12 });
      fc.assert(
        fc.property(changes, (edits) => {
          const bytes = Uint8Array.from(original);
          for (const [at, byte] of edits) bytes[at] = byte;
          const started = performance.now();
          askAll(bytes, addresses);
          assert.ok(performance.now() - started < 5000, 'takes too long');
        }),
        { seed: SEED, numRuns: RUNS },
      );
    });
  }
});
