/** Values of hand-made types: what is read from which bits, what is said where bits are gone, and how a line shows it. */
import assert from 'node:assert/strict';
import {
  elementAt,
  elements,
  memberNamed,
  namedChildren,
  shapeOf,
  targetOf,
} from '../../src/inspect/children';
import { readCString } from '../../src/inspect/strings';
import { typeText } from '../../src/inspect/type-names';
import { isMissing, Value } from '../../src/inspect/value';
import { valueText, type TextOptions } from '../../src/inspect/value-text';
import type { Type, Variant } from '../../src/symbols/types';
import type { Location, Piece } from '../../src/symbols/variables';
import * as t from './types';

const AT = 0x8000_1000n;
const inMemory = (type: Type, bytes: readonly number[], more: t.FakeFrame['memory'] = []): Value =>
  new Value(type, t.memory(AT), t.frameOf({ memory: [[AT, bytes], ...more] }));
const show = (
  type: Type,
  bytes: readonly number[],
  options: TextOptions = {},
  more: t.FakeFrame['memory'] = [],
) => valueText(inMemory(type, bytes, more), options);

describe('values', () => {
  it('are numbers of their type', () => {
    const numberOf = (type: Type, bytes: readonly number[]) => inMemory(type, bytes).number();
    assert.equal(numberOf(t.int, t.words(4, -5)), -5n);
    assert.equal(numberOf(t.uint, t.words(4, -5)), 0xffff_fffbn);
    assert.equal(numberOf(t.typedef('u8', t.constant(t.uchar)), [200]), 200n);
    assert.equal(numberOf(t.double, t.words(8, 0x3ff8_0000_0000_0000n)), 1.5);
    assert.equal(numberOf(t.float, t.words(4, 0x3dcccccd)), Math.fround(0.1));
    const quad: Type = { kind: 'base', name: 'long double', byteSize: 16, encoding: 'float' };
    assert.equal(numberOf(quad, t.words(8, 0, 0xc000_4000_0000_0000n)), -2.5);
    assert.deepEqual(inMemory(t.int, [1, 2]).number(), {
      kind: 'unavailable',
      reason: 'memory at 0x80001000 cannot be read; check the address and whether it is mapped now',
    });
  });

  it('of bit fields are their bits alone', () => {
    const packed = t.struct('flags', 4, [
      t.member('a', t.uint, 0, { offset: { bits: 0 }, bitSize: 3 }),
      t.member('b', t.int, 0, { offset: { bits: 3 }, bitSize: 5 }),
      t.member('c', t.uint, 0, { offset: { bits: 13 }, bitSize: 10 }),
    ]);
    const value = inMemory(packed, t.words(4, 0b101 | (0b10001 << 3) | (777 << 13)));
    const numbers = ['a', 'b', 'c'].map((name) => memberNamed(value, name)?.number());
    assert.deepEqual(numbers, [5n, -15n, 777n]);
    const [write] = memberNamed(value, 'c')?.writes(1023n) ?? [];
    assert.deepEqual(write, { kind: 'memory', address: AT + 1n, bytes: Uint8Array.from([0xe0, 0x7f]) });
    assert.equal(valueText(value), '{a = 5, b = -15, c = 777}');
  });

  it('are put together from pieces, and say which are gone', () => {
    const pair = t.struct('pair', 16, [t.member('low', t.long, 0), t.member('high', t.int, 8)]);
    const gone: Location = { kind: 'optimizedOut' };
    const pieces = (high: Location): Location => ({
      kind: 'pieces',
      pieces: [
        { location: { kind: 'register', number: 10 }, bitSize: 64, bitOffset: 0 },
        { location: high, bitSize: 64, bitOffset: 0 },
      ],
    });
    const frame = t.frameOf({ registers: { 10: 7n, 11: 0x1_0000_0002n } });
    const whole = new Value(pair, pieces({ kind: 'register', number: 11 }), frame);
    assert.equal(valueText(whole), '{low = 7, high = 2}');
    assert.deepEqual(memberNamed(whole, 'high')?.writes(5n), [
      { kind: 'register', number: 11, value: 0x1_0000_0005n },
    ]);
    assert.equal(valueText(new Value(pair, pieces(gone), frame)), '{low = 7, high = <optimized out>}');
    assert.equal(valueText(new Value(pair, gone, frame)), '<optimized out>');
    assert.deepEqual(memberNamed(new Value(pair, pieces(gone), frame), 'high')?.number(), gone);
    const lost = new Value(t.int, { kind: 'register', number: 5 }, frame).number();
    assert(typeof lost === 'object' && lost.kind === 'unavailable' && lost.reason.includes('x5'));
  });

  it('are read from the middle of a piece', () => {
    const four = t.struct(
      'four',
      8,
      ['a', 'b', 'c', 'd'].map((name, index) => t.member(name, t.short, 2 * index)),
    );
    const piece = (number: number, bitOffset: number): Piece => ({
      location: { kind: 'register', number },
      bitSize: 32,
      bitOffset,
    });
    const frame = t.frameOf({ registers: { 10: 0x4_0003_0002_0001n, 11: 0x8_0007_0006_0005n } });
    const location: Location = { kind: 'pieces', pieces: [piece(10, 16), piece(11, 32)] };
    assert.equal(valueText(new Value(four, location, frame)), '{a = 2, b = 3, c = 7, d = 8}');
  });

  it('are text up to a limit, also where it is on the next page', () => {
    const long = Array.from({ length: 9000 }, () => 97);
    const frame = t.frameOf({ memory: [[0x8000_1ff0n, long]] });
    const text = readCString(frame, 0x8000_1ff0n, 50);
    assert.deepEqual([text?.bytes.length, text?.isWhole], [50, false]);
    assert.equal(readCString(frame, 0x8000_1000n, 50), undefined);
  });

  it('are written into registers as the ABI keeps them', () => {
    const written = (type: Type, number: number, value: bigint | number): unknown =>
      new Value(type, { kind: 'register', number }, t.frameOf({ registers: { 10: 0n, 42: 0n } })).writes(
        value,
      );
    const register = (number: number, value: bigint): unknown => [{ kind: 'register', number, value }];
    assert.deepEqual(written(t.int, 10, -1n), register(10, 0xffff_ffff_ffff_ffffn));
    assert.deepEqual(written(t.uint, 10, 0x8000_0000n), register(10, 0xffff_ffff_8000_0000n));
    assert.deepEqual(written(t.uchar, 10, -1n), register(10, 0xffn));
    assert.deepEqual(written(t.float, 42, 1.5), register(42, 0xffff_ffff_3fc0_0000n));
    assert.deepEqual(written(t.double, 42, 2n), register(42, 0x4000_0000_0000_0000n));
    assert.throws(() => Value.number(t.int, 1n, t.frameOf()).writes(2n), { code: 'EXPR_NOT_ASSIGNABLE' });
  });

  it('point to others, also where the pointer itself was optimised away', () => {
    const node = t.struct('node', 16, [t.member('id', t.int, 0), t.member('next', t.pointer(t.voidType), 8)]);
    const target = t.variable('hidden', node, t.memory(AT));
    const frame = t.frameOf({ memory: [[AT, t.words(8, 5, 6)]] });
    const implicit = new Value(t.pointer(node), { kind: 'implicitPointer', target, offset: 0n }, frame);
    assert.equal(valueText(implicit), '(optimized out) -> {...}');
    const found = targetOf(implicit);
    assert(!isMissing(found));
    assert.equal(valueText(found), '{id = 5, next = 0x6}');
    assert.deepEqual(shapeOf(implicit), { named: 2, indexed: 0 });
    assert.deepEqual(
      namedChildren(implicit).map(({ access }) => access),
      ['->id', '->next'],
    );
  });

  it('have elements by ranges, of all dimensions and of lengths that variables hold', () => {
    const matrix = inMemory(t.arrayOf(t.short, 2, 2, 3), t.words(2, 1, 2, 3, 4, 5, 6));
    assert.equal(valueText(matrix), '{{1, 2, 3}, {4, 5, 6}}');
    const row = elementAt(matrix, 1);
    assert.equal(typeText(row.type), 'short [3]');
    assert.deepEqual(
      elements(row, 1, 5).map(({ name, value }) => [name, value.number()]),
      [
        ['[1]', 5n],
        ['[2]', 6n],
      ],
    );
    const n = t.variable('n', t.int, { kind: 'value', bytes: Uint8Array.of(2, 0, 0, 0) });
    const dynamic: Type = {
      ...t.arrayOf(t.short, 2, 1),
      byteSize: undefined,
      dimensions: [{ lower: 0n, count: { kind: 'variable', variable: n } }],
    };
    const vla = inMemory(dynamic, t.words(2, 7, 8, 9));
    assert.equal(vla.byteSize, 4);
    assert.equal(valueText(vla), '{7, 8}');
    const flexible = inMemory({ ...dynamic, dimensions: [{ lower: 0n, count: undefined }] }, []);
    assert.equal(valueText(flexible), '0x80001000');
  });

  it('take members of anonymous structs and unions for their own', () => {
    const inner = t.struct(undefined, 4, [t.member('i', t.int, 0), t.member('u', t.uint, 0)], {
      keyword: 'union',
    });
    const value = inMemory(t.struct('s', 8, [t.member('tag', t.int, 0), t.member(undefined, inner, 4)]), [
      ...t.words(4, 1, -2),
    ]);
    assert.equal(memberNamed(value, 'u')?.number(), 0xffff_fffen);
    assert.equal(valueText(value), '{tag = 1, i = -2, u = 4294967294}');
    assert.equal(memberNamed(value, 'none'), undefined);
  });
});

describe('lines of values', () => {
  const symbolAt = (address: bigint): string | undefined =>
    address === 0x8000_2000n ? 'trap_handler' : undefined;
  const color = t.enumeration('color', { RED: 0n, GREEN: 1n, BLUE: 2n });
  const rights = t.enumeration('rights', { NONE: 0n, READ: 1n, WRITE: 2n, EXEC: 4n });
  const handler = t.pointer({ kind: 'function', returns: t.voidType, parameters: [], isVariadic: false });
  const cases: readonly [string, () => string, string][] = [
    ['characters', () => show(t.char, [65]), "65 'A'"],
    ['control characters', () => show(t.char, [10]), String.raw`10 '\n'`],
    ['bool', () => show(t.bool, [1]), 'true'],
    ['float', () => show(t.float, t.words(4, 0x3dcccccd)), '0.1'],
    ['enumerators', () => show(color, t.words(4, 2)), 'BLUE'],
    ['no enumerator', () => show(color, t.words(4, 9)), '9'],
    ['flags', () => show(rights, t.words(4, 5)), 'READ | EXEC'],
    ['flags and more', () => show(rights, t.words(4, 9)), 'READ | 0x8'],
    ['no flag', () => show(rights, t.words(4, 0)), 'NONE'],
    [
      'function pointers',
      () => show(handler, t.words(8, 0x8000_2000n), { symbolAt }),
      '0x80002000 <trap_handler>',
    ],
    ['null', () => show(t.pointer(t.int), t.words(8, 0)), '0x0'],
    ['text', () => show(t.arrayOf(t.char, 1, 8), [...t.text('init'), 0, 0, 0]), '"init"'],
    ['text that is full', () => show(t.arrayOf(t.char, 1, 2), [104, 105]), '"hi"'],
    ['escapes', () => show(t.arrayOf(t.char, 1, 4), [34, 1, 0xc3, 0xa9]), String.raw`"\"\001é"`],
    [
      'bytes that are no text',
      () => show(t.arrayOf(t.uchar, 1, 3), [1, 2, 200]),
      String.raw`{1 '\001', 2 '\002', 200 '\310'}`,
    ],
    [
      'strings, across pages, where they are',
      () =>
        show(t.pointer(t.char), t.words(8, 0x8000_1ffen), {}, [
          [0x8000_1ffen, [...t.text('abc'), ...Array.from({ length: 4094 }, () => 1)]],
        ]),
      '0x80001ffe "abc"',
    ],
    ['hexadecimal', () => show(t.int, t.words(4, -1), { format: 'x' }), '0xffffffff'],
    ['binary', () => show(t.uchar, [5], { format: 'b' }), '0b101'],
    ['octal', () => show(t.int, t.words(4, 8), { format: 'o' }), '010'],
    ['decimal of a pointer', () => show(t.pointer(t.int), t.words(8, 16), { format: 'd' }), '16'],
    [
      'complex numbers',
      () =>
        show(
          { kind: 'base', name: 'complex float', byteSize: 8, encoding: 'complexFloat' },
          t.words(4, 0x3fc00000, 0xc0000000),
        ),
      '1.5 + -2i',
    ],
    [
      'references',
      () => show(t.pointer(t.int, 'reference'), t.words(8, AT + 8n), {}, [[AT + 8n, t.words(4, 3)]]),
      '3',
    ],
    [
      'unreadable',
      () => valueText(new Value(t.int, t.memory(8n), t.frameOf())),
      '<memory at 0x8 cannot be read; check the address and whether it is mapped now>',
    ],
  ];
  for (const [name, run, expected] of cases) it(`show ${name}`, () => assert.equal(run(), expected));

  it('are short, whatever the value', () => {
    const big = t.arrayOf(t.int, 4, 100_000);
    const text = show(big, t.words(4, ...Array.from({ length: 300 }, (_, at) => at)));
    assert.match(text, /^\{0, 1, 2, .*, \.\.\.\}$/u);
    assert(text.length < 200);
    const self: { -readonly [K in keyof ReturnType<typeof t.struct>]: ReturnType<typeof t.struct>[K] } =
      t.struct('s', 8, []);
    self.members = [t.member('s', self, 0)];
    assert.equal(show(self, t.words(8, 1)), '{s = {s = {s = {...}}}}');
  });

  const option = (value: bigint): string => {
    const some = t.struct('Some', 8, [t.member('__0', t.rustU32, 4)], { language: 'rust' });
    const none = t.struct('None', 8, [], { language: 'rust' });
    const variant = (name: string, type: Type, low: bigint | undefined): Variant => ({
      name,
      values: low === undefined ? undefined : [{ low, high: low }],
      members: [t.member(name, type, 0)],
    });
    const type = t.struct('core::option::Option<u32>', 8, [], {
      language: 'rust',
      variantPart: {
        discriminant: t.member(undefined, t.rustU32, 0, { isArtificial: true }),
        variants: [variant('None', none, 0n), variant('Some', some, undefined)],
      },
    });
    return show(type, t.words(4, value, 5));
  };

  it('show Rust as Rust', () => {
    assert.equal(option(0n), 'None');
    assert.equal(option(1n), 'Some(5)');
    const fat = (name: string, target: Type): Type =>
      t.struct(name, 16, [t.member('data_ptr', t.pointer(target), 0), t.member('length', t.ulong, 8)], {
        language: 'rust',
      });
    const there = AT + 0x100n;
    const head = t.words(8, there, 3);
    assert.equal(show(fat('&str', t.rustU8), head, {}, [[there, t.text('abc')]]), '"abc"');
    const numbers: t.FakeFrame['memory'] = [[there, t.words(4, 1, 2, 3)]];
    assert.equal(show(fat('&[u32]', t.rustU32), head, {}, numbers), '[1, 2, 3]');
    assert.deepEqual(shapeOf(inMemory(fat('&[u32]', t.rustU32), head, numbers)), { named: 0, indexed: 3 });
    const point = t.struct('demo::Point', 8, [t.member('x', t.rustU32, 0), t.member('y', t.rustU32, 4)], {
      language: 'rust',
    });
    assert.equal(show(point, t.words(4, 1, 2)), 'Point { x: 1, y: 2 }');
  });

  it('name types as C does', () => {
    const node = t.struct('node', 8, []);
    const callback: Type = {
      kind: 'function',
      returns: t.int,
      parameters: [{ name: 'a', type: t.pointer(t.constant(t.char)) }],
      isVariadic: true,
    };
    const names: readonly [Type, string][] = [
      [t.pointer(node), 'struct node *'],
      [t.pointer(t.arrayOf(t.int, 4, 4)), 'int (*)[4]'],
      [t.arrayOf(t.pointer(t.char), 8, 2, 3), 'char *[2][3]'],
      [t.pointer(callback), 'int (*)(const char *, ...)'],
      [t.constant(t.pointer(t.constant(t.char))), 'const char * const'],
      [t.typedef('task_t', node), 'task_t'],
    ];
    for (const [type, expected] of names) assert.equal(typeText(type), expected);
  });
});
