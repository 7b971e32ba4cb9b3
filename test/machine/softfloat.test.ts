/** Soft float against an exact model in BigInt, and both paths against QEMU. */
import assert from 'node:assert/strict';
import type { FloatFunction } from '../../src/isa/types';
import { emitSoftFloat } from '../../src/machine/engine/softfloat';
import { I32T, ModuleBuilder } from '../../src/wasm';
import { VECTOR_TOOLS } from '../support/qemu-vectors';
import { requireTool } from '../support/tools';
import { model, type Outcome } from './softfloat-model';
import { judge, type Vector } from './softfloat-qemu';
import { Random, corners, operandsFor, shapes, type Shape } from './softfloat-vectors';

const FLAGS_ADDRESS = 64;
const roundingModes = ['RNE', 'RTZ', 'RDN', 'RUP', 'RMM'];

type Call = (...args: (number | bigint)[]) => number | bigint;

function instantiate(): { call: (v: Vector, flagsBefore: number) => Outcome; sizeBytes: number } {
  const m = new ModuleBuilder();
  m.importMemory({ module: 'env', name: 'memory', initialPages: 1, maximumPages: 1, shared: false });
  const functions = emitSoftFloat(m, { flagsAddress: FLAGS_ADDRESS });
  for (const [name, ref] of Object.entries(functions)) m.export(name, ref);
  const code = m.encode();
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
  const flags = new Int32Array(memory.buffer, FLAGS_ADDRESS, 1);
  const call = ({ name, operands, rm }: Vector, flagsBefore: number): Outcome => {
    const ref = functions[name];
    const bits = [...operands, BigInt(rm)].slice(0, ref.params.length);
    const args = bits.map((value, i) => (ref.params[i] === I32T ? Number(BigInt.asIntN(32, value)) : value));
    flags[0] = flagsBefore;
    const result = (exports[name] as Call)(...args);
    return {
      bits: typeof result === 'bigint' ? BigInt.asUintN(64, result) : BigInt(result >>> 0),
      flags: flags[0],
    };
  };
  return { call, sizeBytes: code.length };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function check(vector: Vector, actual: Outcome, expected: Outcome, judge: string): void {
  if (actual.bits === expected.bits && actual.flags === expected.flags) return;
  const { name, operands, rm } = vector;
  assert.fail(
    `${name}(${operands.map(hex).join(', ')}) ${roundingModes[rm] ?? ''}: ` +
      `${hex(actual.bits)} flags ${actual.flags}; ${judge} ${hex(expected.bits)} flags ${expected.flags}`,
  );
}

/** `count` vectors of a function, in turn in every rounding mode. */
function* vectors(name: FloatFunction, shape: Shape, count: number, seed: number): Generator<Vector> {
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    const operands = operandsFor(random, name, shape);
    for (let rm = 0; rm < (shape.rounds ? 5 : 1); rm++) yield { name, operands, rm };
  }
}

const cornerVectors: readonly Vector[] = corners.flatMap(([name, ...operands]) =>
  roundingModes.map((_mode, rm) => ({ name, operands, rm })),
);

describe('soft float', () => {
  const { call } = instantiate();

  it('has every function', () => {
    assert.equal(shapes.size, 42);
  });

  /** Both paths: the native one may run once the inexact flag is set. */
  const checkBoth = (vector: Vector, expected: Outcome, judge: string): void => {
    const untouched = 32;
    check(vector, call(vector, untouched), { ...expected, flags: expected.flags | untouched }, judge);
    check(vector, call(vector, 1), { ...expected, flags: expected.flags | 1 }, `(NX set before) ${judge}`);
  };

  for (const [name, shape] of shapes) {
    it(`${name} is exact in every rounding mode`, () => {
      for (const vector of vectors(name, shape, 2000, 1 + name.length)) {
        checkBoth(vector, model(name, vector.operands, vector.rm), 'model');
      }
    });
  }

  it('is exact in the corners', () => {
    for (const vector of cornerVectors)
      checkBoth(vector, model(vector.name, vector.operands, vector.rm), 'model');
  });

  it('agrees with QEMU', function () {
    requireTool(this, ...VECTOR_TOOLS);
    const perFunction = Number(process.env['SOFTFLOAT_VECTORS'] ?? 400);
    const all = [...shapes].flatMap(([name, shape]) => [...vectors(name, shape, perFunction, 77)]);
    all.push(...cornerVectors);
    const judged = judge(all);
    all.forEach((vector, i) => {
      const expected = judged[i];
      assert.ok(expected);
      checkBoth(vector, expected, 'QEMU');
    });
    console.log(`      ${all.length} results compared with QEMU`);
  });
});
