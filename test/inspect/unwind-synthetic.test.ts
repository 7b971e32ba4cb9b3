/** Stacks made by hand: no symbols at all, chains that loop or lead nowhere, and the limits of the walk. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { unwind } from '../../src/inspect/unwind';
import { fakeView, type FakeMachine } from './support';

const noSymbols = {
  functionAt: () => undefined,
  lineAt: () => undefined,
  inlinedAt: () => [],
  frameInfoAt: () => undefined,
};

/** jal ra, 0 at 0x1000, 0x1004, ...: every address from 0x1004 on is behind a call. */
const calls: readonly [bigint, number[]] = [
  0x1000n,
  Array.from({ length: 64 }, () => [0xef, 0, 0, 0]).flat(),
];

/** The two words below a frame pointer: the caller's s0, then ra. */
const record = (fp: bigint, callerFp: bigint, ra: bigint): [bigint, number[]] => [
  fp - 16n,
  [...littleEndian(callerFp), ...littleEndian(ra)],
];

const littleEndian = (value: bigint): number[] =>
  Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

const framesOf = (machine: FakeMachine, maxFrames = 50): string[] =>
  unwind(fakeView(machine), noSymbols, { maxFrames }).map(
    (frame) => `${frame.kind} ${frame.pc.toString(16)}`,
  );

describe('unwinding without symbols', () => {
  const chain = [
    record(0x8040n, 0x8080n, 0x1008n),
    record(0x8080n, 0x80c0n, 0x1010n),
    record(0x80c0n, 0n, 0n),
  ];

  it('follows the chain of frame pointers to its end', () => {
    const machine = { pc: 0x1020n, x: { 2: 0x8000n, 8: 0x8040n }, memory: [calls, ...chain] };
    assert.deepEqual(framesOf(machine), ['top 1020', 'fp 1008', 'fp 1010']);
    const frames = unwind(fakeView(machine), noSymbols, { maxFrames: 50 });
    const [, caller] = frames;
    assert.ok(caller);
    assert.deepEqual(
      frames.map((frame) => frame.cfa),
      [0x8040n, 0x8080n, undefined],
    );
    assert.equal(caller.registers[2], 0x8040n);
    assert.equal(caller.registers[8], 0x8080n);
    assert.equal(caller.registers[10], undefined);
  });

  it('stops at the limit, and always tells the top frame', () => {
    const machine = { pc: 0x1020n, x: { 2: 0x8000n, 8: 0x8040n }, memory: [calls, ...chain] };
    assert.deepEqual(framesOf(machine, 2), ['top 1020', 'fp 1008']);
    assert.deepEqual(framesOf(machine, 0), ['top 1020']);
    assert.deepEqual(framesOf({ pc: 1n }), ['top 1']);
  });

  it('does not follow a chain that loops or goes down', () => {
    const itself = [record(0x8040n, 0x8040n, 0x1008n)];
    assert.deepEqual(framesOf({ pc: 0x1020n, x: { 2: 0x8000n, 8: 0x8040n }, memory: [calls, ...itself] }), [
      'top 1020',
      'fp 1008',
    ]);
    const down = [record(0x8080n, 0x8040n, 0x1008n), record(0x8040n, 0x8080n, 0x1010n)];
    assert.deepEqual(framesOf({ pc: 0x1020n, x: { 2: 0x8000n, 8: 0x8080n }, memory: [calls, ...down] }), [
      'top 1020',
      'fp 1008',
    ]);
  });

  it('takes ra of a leaf only when a call stands before it', () => {
    assert.deepEqual(framesOf({ pc: 0x1020n, x: { 1: 0x1004n }, memory: [calls] }), [
      'top 1020',
      'heuristic 1004',
    ]);
    assert.deepEqual(framesOf({ pc: 0x1020n, x: { 1: 0x1000n }, memory: [calls] }), ['top 1020']);
    // c.jalr a5 has two bytes.
    const compressed: [bigint, number[]] = [0x2000n, [1, 0, 0x82, 0x97]];
    const x = { 1: 0x2004n };
    assert.deepEqual(framesOf({ pc: 0x2002n, x, memory: [compressed, [0x2004n, [1, 0]]] }), [
      'top 2002',
      'heuristic 2004',
    ]);
  });

  it('ends on any stack', () => {
    const address = fc.bigInt({ min: 0x7ff0n, max: 0x8100n }).map((value) => value & ~7n);
    const code = fc.bigInt({ min: 0x1000n, max: 0x10ffn });
    const word = fc.oneof(address, code);
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 40, maxLength: 40 }),
        address,
        address,
        code,
        (words, sp, fp, ra) => {
          const memory = [calls, [0x8000n, words.flatMap(littleEndian)] as const];
          assert.ok(framesOf({ pc: 0x1020n, x: { 1: ra, 2: sp, 8: fp }, memory }, 1000).length < 50);
        },
      ),
    );
  });
});
