/** Rust's values made by hand, for what compilers make seldom: ranges of discriminants, variants that cannot be, damage. */
import assert from 'node:assert/strict';
import { sliceOf } from '../../src/inspect/children';
import { isVariant } from '../../src/inspect/rust-values';
import { Value } from '../../src/inspect/value';
import { valueText } from '../../src/inspect/value-text';
import type { StructType, Type, Variant } from '../../src/symbols/types';
import * as t from './types';

const AT = 0x8000_1000n;
const THERE = 0x8000_2000n;
const rust = { language: 'rust' } as const;

const at = (type: Type, bytes: readonly number[], there: readonly number[] = []): Value =>
  new Value(type, t.memory(AT), t.frameOf({ memory: [...[[AT, bytes] as const, [THERE, there] as const]] }));
const variant = (name: string, type: Type, low?: bigint, high = low): Variant => ({
  name,
  values: low === undefined || high === undefined ? undefined : [{ low, high }],
  members: [t.member(name, type, 0)],
});
const empty = (name: string): StructType => t.struct(name, 8, [], rust);
const enumeration = (discriminant: Type | undefined, variants: readonly Variant[]): StructType =>
  t.struct('demo::Kind', 8, [], {
    ...rust,
    variantPart: { discriminant: discriminant && t.member(undefined, discriminant, 0), variants },
  });
const pointer = (name: string, target: Type): Type => ({
  ...{ kind: 'pointer', flavour: 'pointer', byteSize: 8, name, target, language: 'rust' },
});

describe('values of Rust', () => {
  const kinds = [variant('One', empty('One'), 1n), variant('Some', empty('Some'), 3n, 6n)];
  const kind = enumeration(t.rustU32, [...kinds, variant('Other', empty('Other'))]);

  it('are the variant that the discriminant is in the range of', () => {
    const names = [0n, 1n, 2n, 3n, 5n, 6n, 7n].map((value) => valueText(at(kind, t.words(4, value, 0))));
    assert.deepEqual(names, ['Other', 'One', 'Other', 'Some', 'Some', 'Some', 'Other']);
  });

  it('have discriminants whose sign the file may have otherwise', () => {
    const signed = enumeration(t.short, [
      variant('Least', empty('Least'), 0xffffn),
      variant('None', empty('None'), 0n),
    ]);
    assert.equal(valueText(at(signed, t.words(2, 0xffff, 0, 0, 0))), 'Least');
  });

  it('are no variant that no value can be of', () => {
    const never = t.struct('Err', 8, [t.member('__0', enumeration(undefined, []), 0)], rust);
    const only = enumeration(undefined, [variant('Err', never), variant('Ok', empty('Ok'))]);
    assert.equal(valueText(at(only, t.words(8, 0))), 'Ok');
  });

  it('are compared with variants through references', () => {
    const value = at(pointer('&&demo::Kind', pointer('&demo::Kind', kind)), t.words(8, THERE), [
      ...t.words(8, THERE + 8n),
      ...t.words(4, 1, 0),
    ]);
    assert.deepEqual(
      ['One', 'demo::Kind::One', 'Some', 'Nothing'].map((name) => isVariant(value, name)),
      [true, true, false, undefined],
    );
    assert.equal(isVariant(at(pointer('*const demo::Kind', kind), t.words(8, THERE)), 'One'), undefined);
  });

  it('are written as in the source', () => {
    const tuple = t.struct('(u32,)', 4, [t.member('__0', t.rustU32, 0)], rust);
    assert.equal(valueText(at(tuple, t.words(4, 7))), '(7,)');
    const seven = t.words(4, 7);
    assert.equal(valueText(at(pointer('&mut u32', t.rustU32), t.words(8, THERE), seven)), '&mut 7');
    assert.equal(valueText(at(pointer('&u32', t.rustU32), t.words(8, THERE), seven)), '&7');
  });

  it('say where text is cut, and have no more elements than memory', () => {
    const slice = (name: string, target: Type): Type =>
      t.struct(name, 16, [t.member('data_ptr', t.pointer(target), 0), t.member('length', t.ulong, 8)], rust);
    const text = Array.from({ length: 300 }, () => 0x61);
    const shown = (count: number): string =>
      valueText(at(slice('&str', t.rustU8), t.words(8, THERE, count), text));
    assert.equal(shown(3), '"aaa"');
    assert.match(shown(200), /^"a{200}"$/u);
    assert.match(shown(201), /^"a{200}"\.\.\.$/u);
    const count = (length: bigint): number | undefined =>
      sliceOf(at(slice('&[u8]', t.rustU8), t.words(8, THERE, length), text))?.count;
    assert.deepEqual([count(2n ** 47n - 1n), count(2n ** 47n)], [2 ** 47 - 1, undefined]);
  });
});
