/**
 * Nanoseconds of one soft float call, on each path: `tsx bench/softfloat.ts`. The calls are made in a WebAssembly loop,
 * each depending on the one before, as guest code would; the loop itself and its native floor are rows of the table.
 */
import { performance } from 'node:perf_hooks';
import type { FloatFunction } from '../src/isa/types';
import { emitSoftFloat } from '../src/machine/engine/softfloat';
import { I32T, I64T, ModuleBuilder, type I64 } from '../src/wasm';

const FLAGS_ADDRESS = 64;
const CALLS = 5_000_000;
const RNE = 0;
const RTZ = 1;

type Run = (count: number, a: bigint, b: bigint, rm: number) => bigint;

const m = new ModuleBuilder();
m.importMemory({ module: 'env', name: 'memory', initialPages: 1, maximumPages: 1, shared: false });
const functions = emitSoftFloat(m, { flagsAddress: FLAGS_ADDRESS });

/** accumulator = step(accumulator), count times; exported under the name. */
function loop(name: string, step: (accumulator: I64, b: I64) => I64): void {
  const ref = m.function(name, [I32T, I64T, I64T, I32T], I64T, (f) => {
    const count = f.param(0, I32T);
    const accumulator = f.param(1, I64T);
    f.while(
      () => count.ne(0),
      () => {
        f.set(accumulator, step(accumulator, f.param(2, I64T)));
        f.set(count, count.sub(1));
      },
    );
    f.return(accumulator);
  });
  m.export(name, ref);
}

/** Calls a float function on doubles, or on singles in the low halves. */
function loopCalling(name: FloatFunction): void {
  const callee = functions[name];
  const ref = m.function(`run ${name}`, [I32T, I64T, I64T, I32T], I64T, (f) => {
    const count = f.param(0, I32T);
    const accumulator = f.param(1, I64T);
    const operands = [accumulator, f.param(2, I64T), f.param(2, I64T)].slice(0, callee.params.length - 1);
    const args = operands.map((operand, i) => (callee.params[i] === I32T ? operand.toI32() : operand));
    f.while(
      () => count.ne(0),
      () => {
        const wide = callee.result === I64T;
        const rm = f.param(3, I32T);
        f.set(accumulator, wide ? f.callI64(callee, ...args, rm) : f.callI32(callee, ...args, rm).toI64U());
        f.set(count, count.sub(1));
      },
    );
    f.return(accumulator);
  });
  m.export(name, ref);
}

const measured: FloatFunction[] = ['f64_add', 'f64_mul', 'f64_div', 'f64_sqrt', 'f64_mulAdd'];
measured.push('f32_add', 'f32_mul', 'f32_div', 'f32_mulAdd', 'i64_to_f64');
for (const name of measured) loopCalling(name);
loop('native add', (accumulator, b) => accumulator.asF64().add(b.asF64()).asI64());
loop('native mul', (accumulator, b) => accumulator.asF64().mul(b.asF64()).asI64());

const code = m.encode();
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
const flags = new Int32Array(memory.buffer, FLAGS_ADDRESS, 1);

/** The best of three: other processes only ever add time. */
function nanoseconds(name: string, rm: number): string {
  const run = instance.exports[name] as Run;
  const double = name.includes('64') || name.startsWith('native');
  const bits = (value: number): bigint =>
    double
      ? (new BigInt64Array(new Float64Array([value]).buffer)[0] ?? 0n)
      : BigInt(new Int32Array(new Float32Array([value]).buffer)[0] ?? 0);
  let best = Infinity;
  for (let attempt = 0; attempt < 4; attempt++) {
    flags[0] = 1;
    const start = performance.now();
    run(CALLS, bits(1.1), bits(1.0000000001), rm);
    best = Math.min(best, performance.now() - start);
  }
  return ((best * 1e6) / CALLS).toFixed(1);
}

console.log(`module of ${code.length} bytes; ns per call`);
console.table(
  Object.fromEntries([
    ...['native add', 'native mul'].map((name) => [name, { fast: nanoseconds(name, RNE), soft: '' }]),
    ...measured.map((name) => [name, { fast: nanoseconds(name, RNE), soft: nanoseconds(name, RTZ) }]),
  ]),
);
