/** Float vectors as QEMU executes them. */
import type { FloatFunction } from '../../src/isa/types';
import { runOnQemu } from '../support/qemu-vectors';
import type { Outcome } from './softfloat-model';
import { shapes, type Shape } from './softfloat-vectors';

export interface Vector {
  readonly name: FloatFunction;
  /** Unsigned bits. */
  readonly operands: readonly bigint[];
  readonly rm: number;
}

const integerSuffix: Record<string, string> = { i32: 'w', u32: 'wu', i64: 'l', u64: 'lu' };
const suffix = (type: string): string => integerSuffix[type] ?? (type === 'f32' ? 's' : 'd');

/** The instruction that a function stands for, with its operands in fa0 to fa2 or a0. */
function instruction(name: FloatFunction, shape: Shape): string {
  const conversion = /^(\w+)_to_(\w+)$/.exec(name);
  if (conversion) {
    const [, from = '', to = ''] = conversion;
    const operands = `${to.startsWith('f') ? 'fa0' : 'a0'}, ${from.startsWith('f') ? 'fa0' : 'a0'}`;
    // An exact conversion takes no rounding mode in assembly.
    const exact = to === 'f64' && (from.endsWith('32') || from === 'f32');
    return `fcvt.${suffix(to)}.${suffix(from)} ${operands}${exact ? '' : ', dyn'}`;
  }
  const [format = '', operation = ''] = name.split('_');
  const mnemonic = { mulAdd: 'fmadd', classify: 'fclass' }[operation] ?? `f${operation}`;
  const destination = shape.result === 'boolean' ? 'a0' : 'fa0';
  const sources = ['fa0', 'fa1', 'fa2'].slice(0, shape.operands.length).join(', ');
  return `${mnemonic}.${suffix(format)} ${destination}, ${sources}${shape.rounds ? ', dyn' : ''}`;
}

function code(name: FloatFunction, shape: Shape): string {
  const loads = shape.operands.map((type, i) => {
    const offset = 8 + 8 * i;
    if (type === 'integer') return `ld a${i}, ${offset}(s0)`;
    return `${type === 'f32' ? 'flw' : 'fld'} fa${i}, ${offset}(s0)`;
  });
  const stores = {
    f32: 'fsw fa0, 0(s2)',
    f64: 'fsd fa0, 0(s2)',
    integer: 'sd a0, 0(s2)',
    boolean: 'sd a0, 0(s2)',
  };
  return [...loads, instruction(name, shape), stores[shape.result]].join('\n');
}

/** The results and flags that QEMU computes, in order. Needs VECTOR_TOOLS. */
export function judge(vectors: readonly Vector[]): Outcome[] {
  const names = [...shapes.keys()];
  const codes = [...shapes].map(([name, shape]) => code(name, shape));
  return runOnQemu(
    codes,
    vectors.map(({ name, operands, rm }) => ({ code: names.indexOf(name), operands, rm })),
  );
}
