/** Whatever a damaged file says of types and places: a value is shown in a bounded line, its children in bounded lists. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { UserError } from '../../src/base/errors';
import { elements, namedChildren, shapeOf } from '../../src/inspect/children';
import { evaluateExpression } from '../../src/inspect/expression';
import { typeText } from '../../src/inspect/type-names';
import { Value } from '../../src/inspect/value';
import { valueText } from '../../src/inspect/value-text';
import type { BaseEncoding, Language, Type } from '../../src/symbols/types';
import type { Location } from '../../src/symbols/variables';
import { fakeView } from './support';
import * as t from './types';

const AT = 0x8000_1000n;
const size = fc.constantFrom(0, 1, 2, 3, 4, 8, 16, 100, -1, 2 ** 31, Number.MAX_SAFE_INTEGER);
const encodings: readonly BaseEncoding[] = [
  ...(['signed', 'unsigned', 'signedChar', 'unsignedChar', 'boolean', 'float'] as const),
  ...(['complexFloat', 'utf', 'address', 'other'] as const),
];
const language = fc.constantFrom<Language>('c', 'c++', 'rust');
const huge = fc.bigInt({ min: -5n, max: 1n << 64n });

const { type } = fc.letrec<{ type: Type }>((tie) => {
  const inner = tie('type');
  return {
    type: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .record({ name: fc.constant('b'), byteSize: size, encoding: fc.constantFrom(...encodings) })
        .map((one): Type => ({ kind: 'base', ...one })),
      fc.constant(t.voidType),
      fc
        .tuple(inner, fc.constantFrom('pointer', 'reference'), language)
        .map(([target, flavour, own]): Type => ({
          kind: 'pointer',
          flavour,
          byteSize: 8,
          target,
          language: own,
        })),
      fc
        .tuple(inner, fc.array(huge, { minLength: 1, maxLength: 3 }), language)
        .map(([element, counts, own]): Type => ({
          kind: 'array',
          element,
          dimensions: counts.map((count) => ({
            lower: count % 7n,
            count: { kind: 'constant', value: count },
          })),
          byteSize: undefined,
          isVector: false,
          language: own,
        })),
      fc
        .tuple(fc.array(fc.tuple(inner, size, fc.option(size)), { maxLength: 4 }), size, language)
        .map(([members, byteSize, own]): Type =>
          t.struct(
            'data_ptr',
            byteSize,
            members.map(([one, bytes, bits], index) =>
              t.member(['data_ptr', 'length', undefined, 'x'][index], one, bytes, {
                bitSize: bits ?? undefined,
                isBase: index === 3,
                isVirtual: bits === 3,
              }),
            ),
            { language: own },
          ),
        ),
      fc
        .tuple(size, huge)
        .map(([byteSize, value]): Type => ({ ...t.enumeration('e', { A: 1n, B: 4n, C: value }), byteSize })),
      inner.map((target): Type => t.typedef('name', target)),
    ),
  };
});

const { location } = fc.letrec<{ location: Location }>((tie) => ({
  location: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(AT, 0n, (1n << 64n) - 4n, AT + 4090n).map(t.memory),
    fc.constantFrom<Location>({ kind: 'optimizedOut' }, { kind: 'unavailable', reason: 'so' }),
    fc.integer({ min: 0, max: 70 }).map((number): Location => ({ kind: 'register', number })),
    fc.uint8Array({ maxLength: 20 }).map((bytes): Location => ({ kind: 'value', bytes })),
    fc
      .array(fc.tuple(tie('location'), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 70 })), {
        maxLength: 4,
      })
      .map((all): Location => ({
        kind: 'pieces',
        pieces: all.map(([one, bitSize, bitOffset]) => ({ location: one, bitSize, bitOffset })),
      })),
  ),
}));

/** One page: words that point into it, and others. */
const page = Uint8Array.from({ length: 4096 }, (_, at) =>
  at % 16 < 8 ? Number((AT >> BigInt(8 * (at % 8))) & 255n) : at % 251,
);
const view = fakeView({ memory: [[AT, page]], x: { 10: AT } });
const frame = t.frameOf({ registers: { 10: AT, 11: 7n, 42: 1n } });
const reading = {
  ...frame,
  read: (address: bigint, count: number): Uint8Array | undefined => {
    const offset = Number(address - AT);
    return offset < 0 || offset + count > 4096 || count < 0 ? undefined : page.slice(offset, offset + count);
  },
};

const cyclic = (): Type => {
  const members: ReturnType<typeof t.member>[] = [];
  const node = t.struct('node', 16, members, { language: 'rust' });
  members.push(t.member('data_ptr', t.pointer(node), 0), t.member(undefined, node, 0));
  return node;
};

describe('values of damaged descriptions', () => {
  const check = (one: Type, place: Location): void => {
    const value = new Value(one, place, reading);
    const text = valueText(value);
    assert(text.length < 2000, `${text.length} characters`);
    assert(typeText(one).length < 5000);
    assert(valueText(value, { format: 'x' }).length < 2000);
    const { named, indexed } = shapeOf(value);
    assert(named >= 0 && indexed >= 0);
    for (const child of [...namedChildren(value), ...elements(value, 0, 3), ...elements(value, 1e12, 2)]) {
      valueText(child.value);
      shapeOf(child.value);
    }
    try {
      value.writes(5n);
    } catch (error) {
      assert(error instanceof UserError, String(error));
    }
  };

  it('are shown in bounded lines', () => {
    fc.assert(
      fc.property(type, location, (one, place) => check(one, place)),
      { numRuns: 3000 },
    );
  });

  it('are shown when a type holds itself', () => {
    check(cyclic(), t.memory(AT));
    const loop = { kind: 'typedef', name: 'loop' } as { kind: 'typedef'; name: string; target: Type };
    loop.target = loop;
    check(loop, t.memory(AT));
    const deep = Array.from({ length: 5000 }).reduce<Type>((inner) => t.pointer(inner), t.int);
    check(deep, t.memory(AT));
  });

  it('are evaluated to a value or a coded error', () => {
    const part = fc.constantFrom(
      'v',
      '->x',
      '.x',
      '[1]',
      '*',
      '&',
      '(',
      ')',
      '+ 1',
      '== v',
      'sizeof ',
      '@2',
      '[0..2]',
      '->data_ptr',
    );
    fc.assert(
      fc.property(type, location, fc.array(part, { minLength: 1, maxLength: 6 }), (one, place, parts) => {
        const symbols = {
          symbolNamed: () => undefined,
          variableNamed: (name: string) => (name === 'v' ? t.variable('v', one, place) : undefined),
        };
        try {
          valueText(evaluateExpression(parts.join(''), { view, symbols, frame: reading }));
        } catch (error) {
          assert(error instanceof UserError, `${parts.join('')}: ${String(error)}`);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
