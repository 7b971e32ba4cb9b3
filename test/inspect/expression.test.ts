/** Expressions: values and types as C has them, registers, memory, symbols, and one coded error for each mistake. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { UserError } from '../../src/base/errors';
import { compileExpression, evaluateExpression } from '../../src/inspect/expression';
import { operandOf } from '../../src/inspect/expression-arithmetic';
import { valueText } from '../../src/inspect/value-text';
import { codeOf, fakeSymbols, fakeView } from './support';

const view = fakeView({
  pc: 0x8000_0100n,
  x: { 1: 0x8000_0104n, 2: 0x8010_0000n, 8: 0x8010_0040n, 10: 42n, 11: 0xffff_ffff_ffff_fffen },
  memory: [[0x8000_1000n, [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xff, 0xff, 0xff, 0xff, 0x5a]]],
  csrs: { mstatus: 0xa_0000_0000n },
});
const symbols = fakeSymbols([
  { name: 'word', address: 0x8000_1000n, size: 4n, kind: 'object' },
  { name: 'long_one', address: 0x8000_1000n, size: 8n, kind: 'object' },
  { name: 'small', address: 0x8000_100cn, size: 1n, kind: 'object' },
  { name: 'table', address: 0x8000_1000n, size: 12n, kind: 'object' },
  { name: 'main.cold.0', address: 0x8000_0200n, size: 16n, kind: 'function' },
  { name: 'tohost', address: 0x8000_1008n, size: 0n, kind: 'label' },
]);
const context = { view, symbols };
const valueOf = (text: string): bigint => {
  const { number } = operandOf(evaluateExpression(text, context));
  assert(typeof number === 'bigint', text);
  return number;
};

describe('expressions', () => {
  const cases: readonly [string, bigint][] = [
    ['1 + 2 * 3', 7n],
    ['(1 + 2) * 3', 9n],
    ['7 / -2', -3n],
    ['7 % -2', 1n],
    ['1 << 4 | 1', 17n],
    ['10 - 4 - 3', 3n],
    ['0x10 == 16 && 0b101 != 4', 1n],
    ['1 ? 2 : 0 ? 3 : 4', 2n],
    ['0 ? 2 : 0 ? 3 : 4', 4n],
    ["'A' + 1", 66n],
    [String.raw`'\n' * '\x10'`, 160n],
    ['-1 < 0', 1n],
    ['-1 < 0u', 0n],
    ['0xffffffffffffffff == -1', 1n],
    ['~0 >> 63', -1n],
    ['~0ul >> 63', 1n],
    ['1 << 40', 0n],
    ['1l << 40', 1n << 40n],
    ['0x7fffffff + 1', -(1n << 31n)],
    ['2147483648 - 1', 0x7fff_ffffn],
    ['0xffffffff + 1', 0n],
    ['sizeof(int) + sizeof 1l', 12n],
    ['sizeof(char(*)[4])', 8n],
    ['sizeof(char[4][3])', 12n],
    ['(int)3.9 + (int)-3.9', 0n],
    ['1.5 * 2 == 3', 1n],
    ['7 / 2.0 > 3', 1n],
    ['!0.25', 0n],
    ['"abc" == "abc"', 1n],
    ['((u8*)table)[1..3][1]', 0x66n],
    ['(*(u8*)table@4)[3]', 0x55n],
    ['sizeof(*(u16*)table@3)', 6n],
    ['true + (u64)NULL + (nullptr == false)', 2n],
    ['0x1_0000', 65536n],
    ['(int)$pc & 1', 0n],
    ['(unsigned)1 - 2 > 0', 1n],
    ['!5 + !0', 1n],
    ['(u8)0x1ff', 255n],
    ['(i8)0xff', -1n],
    ['(unsigned int)-1', 0xffff_ffffn],
    ['(const unsigned long long)-1', 0xffff_ffff_ffff_ffffn],
    ['(signed char)200', -56n],
    ['(char)200', 200n],
    ['$a0', 42n],
    ['$x10 == $a0', 1n],
    ['$a1', -2n],
    ['$a1 < 0', 1n],
    ['$sp > 0x80000000', 1n],
    ['$fp - $sp', 64n],
    ['$zero', 0n],
    ['$pc + 4', 0x8000_0104n],
    ['$mstatus >> 32', 10n],
    ['$priv', 3n],
    ['word', 0x5566_7788n],
    ['long_one', 0x1122_3344_5566_7788n],
    ['small', 0x5an],
    ['&word', 0x8000_1000n],
    ['*&word', 0x5566_7788n],
    ['&word + 1', 0x8000_1004n],
    ['table', 0x8000_1000n],
    ['tohost', 0x8000_1008n],
    ['&main.cold.0', 0x8000_0200n],
    ['*(uint64_t*)0x80001000', 0x1122_3344_5566_7788n],
    ['*(u16*)(&word)', 0x7788n],
    ['((u8*)table)[3]', 0x55n],
    ['*((u8*)table + 7)', 0x11n],
    ['(u32*)table + 2 - (u32*)table', 2n],
    ['*(i32*)tohost', -1n],
    ['*(unsigned*)tohost', 0xffff_ffffn],
    ['small == 0x5a || *(u8*)0', 1n],
    ['small != 0x5a && *(u8*)0', 0n],
    ['&*(u32*)0x80001004', 0x8000_1004n],
  ];
  for (const [text, expected] of cases) {
    it(`${text} is ${expected}`, () => assert.equal(valueOf(text), expected));
  }

  it('tells bits, sign and where a value can be written', () => {
    const { byteSize, address } = evaluateExpression('*(i16*)0x80001008', context);
    assert.deepEqual([byteSize, address], [2, 0x8000_1008n]);
    assert.deepEqual(evaluateExpression('$a0', context).writes(5n), [
      { kind: 'register', number: 10, value: 5n },
    ]);
    assert.deepEqual(evaluateExpression('$mstatus', context).writes(5n), [
      { kind: 'named', register: { name: 'mstatus', hart: undefined }, value: 5n },
    ]);
    for (const text of ['$a0 + 1', '$zero']) {
      assert.throws(() => evaluateExpression(text, context).writes(1n), { code: 'EXPR_NOT_ASSIGNABLE' });
    }
  });

  const errors: readonly [string, string][] = [
    ['', 'EXPR_SYNTAX'],
    ['1 +', 'EXPR_SYNTAX'],
    ['1 2', 'EXPR_SYNTAX'],
    ['(1', 'EXPR_SYNTAX'],
    ['a = 1', 'EXPR_SYNTAX'],
    ['1 ? 2', 'EXPR_SYNTAX'],
    ['017', 'EXPR_SYNTAX'],
    ['0x1ffffffffffffffff', 'EXPR_SYNTAX'],
    ['#', 'EXPR_SYNTAX'],
    ['(unsigned signed int)1', 'EXPR_UNKNOWN_TYPE'],
    ['('.repeat(5000), 'EXPR_TOO_DEEP'],
    ['('.repeat(300) + '1' + ')'.repeat(300), 'EXPR_TOO_DEEP'],
    ['1' + '+1'.repeat(3000), 'EXPR_TOO_DEEP'],
    ['$nothing', 'EXPR_UNKNOWN_REGISTER'],
    ['nothing', 'EXPR_UNKNOWN_SYMBOL'],
    ['constructor', 'EXPR_UNKNOWN_SYMBOL'],
    ['1 / (1 - 1)', 'EXPR_DIVIDE_BY_ZERO'],
    ['*(u8*)0', 'EXPR_NO_MEMORY'],
    ['*$a0', 'EXPR_NOT_POINTER'],
    ['*$sp', 'EXPR_VOID_POINTER'],
    ['table[0]', 'EXPR_VOID_POINTER'],
    ['&$a0', 'EXPR_NOT_LVALUE'],
    ['(void)1', 'EXPR_VOID_POINTER'],
    ['f(1)', 'EXPR_CALL'],
    ['1.5 % 2', 'EXPR_NOT_INTEGER'],
    ['~1.5', 'EXPR_NOT_NUMBER'],
    ['(struct none *)1', 'EXPR_UNKNOWN_TYPE'],
    ['word.x', 'EXPR_MEMBER'],
    ['(u8*)1 + 1.5', 'EXPR_POINTER'],
    ['$hart(3).a0', 'EXPR_UNKNOWN_REGISTER'],
    ['$hart(3)', 'EXPR_SYNTAX'],
    ['1.5u', 'EXPR_SYNTAX'],
    ['"a" + 1', 'EXPR_NOT_LVALUE'],
    ['sizeof', 'EXPR_SYNTAX'],
    ['(int(*)(', 'EXPR_SYNTAX'],
    ['table[3..1]', 'EXPR_INDEX'],
  ];
  for (const [text, code] of errors) {
    it(`${text.slice(0, 30)} gives ${code}`, () =>
      assert.equal(
        codeOf(() => valueOf(text)),
        code,
      ));
  }

  it('is parsed once and evaluated often', () => {
    const expression = compileExpression('$a0 > 40');
    assert.equal(valueText(expression(context)), '1');
    assert.equal(valueText(expression({ view: fakeView({ x: { 10: 40n } }), symbols })), '0');
  });

  it('computes as BigInt does, modulo 2^64', () => {
    const number = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
    const operator = fc.constantFrom('+', '-', '*', '&', '|', '^');
    fc.assert(
      fc.property(number, operator, number, operator, number, (a, first, b, second, c) => {
        const text = `(${a}l ${first} ${b}l) ${second} ${c}l`;
        const apply = (x: bigint, op: string, y: bigint): bigint =>
          ({ '+': x + y, '-': x - y, '*': x * y, '&': x & y, '|': x | y, '^': x ^ y })[op] ?? 0n;
        assert.equal(valueOf(text), BigInt.asIntN(64, apply(apply(a, first, b), second, c)));
      }),
    );
  });

  it('answers any text with a value or a coded error', () => {
    const part = fc.constantFrom(
      '1',
      '0x',
      '$a0',
      'word',
      '(',
      ')',
      '*',
      '&',
      '(u8*)',
      '[',
      ']',
      '?',
      ':',
      '-',
      "'",
      '<<',
      ' ',
      '=',
      '..',
      '->x',
      '.0',
      'sizeof ',
      '(struct x (*)[2])',
      '@',
      '"s"',
      '1.5',
      '\u00e9',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        try {
          valueText(evaluateExpression(parts.join(''), context));
        } catch (error) {
          assert.ok(error instanceof UserError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
