/**
 * Whole numbers where C leaves the value open or the compiler would refuse: the width of a type and more in shifts, the least
 * number divided by -1, division by 0. RISC-V's instructions decide where they have an answer ("M" extension, table 11).
 */
import assert from 'node:assert/strict';
import { evaluateExpression } from '../../src/inspect/expression';
import { typeText } from '../../src/inspect/type-names';
import { valueText } from '../../src/inspect/value-text';
import { codeOf, fakeSymbols, fakeView } from './support';

const context = { view: fakeView({}), symbols: fakeSymbols([]) };
const typed = (text: string): string => {
  const value = evaluateExpression(text, context);
  return `${typeText(value.type)} ${valueText(value)}`;
};

const INT_MIN = '(-2147483647 - 1)';
const LONG_MIN = '(-9223372036854775807 - 1)';

const CASES: readonly [text: string, expected: string][] = [
  // As div and rem have it.
  [`${INT_MIN} / -1`, 'int -2147483648'],
  [`${INT_MIN} % -1`, 'int 0'],
  [`${LONG_MIN} / -1`, 'long -9223372036854775808'],
  [`${LONG_MIN} % -1`, 'long 0'],
  [`${INT_MIN} / -1l`, 'long 2147483648'],
  [`${INT_MIN} / -1u`, 'unsigned int 0'],
  [`-${INT_MIN}`, 'int -2147483648'],
  ['-7 / 2', 'int -3'],
  ['-7 % 2', 'int -1'],
  ['-7 % 2u', 'unsigned int 1'],
  // By the width and more nothing is left over, or the sign.
  ['1 << 31', 'int -2147483648'],
  ['1 << 32', 'int 0'],
  ['1u << 32', 'unsigned int 0'],
  ['1l << 63', 'long -9223372036854775808'],
  ['1l << 64', 'long 0'],
  ['-1 >> 31', 'int -1'],
  ['-1 >> 32', 'int -1'],
  ['-1 >> 100', 'int -1'],
  ['7 >> 32', 'int 0'],
  ['~0u >> 31', 'unsigned int 1'],
  ['~0u >> 32', 'unsigned int 0'],
  ['-1l >> 64', 'long -1'],
  ['~0ul >> 64', 'unsigned long 0'],
  ['1 << 0xffffffffffffffff', 'int 0'],
  ['8 << -1', 'int 0'],
  ['8 >> -1', 'int 0'],
  ['-8 >> -1', 'int -1'],
  // A shift has the type of its left side alone.
  ['-8 >> 1ul', 'int -4'],
  ['1 << 31ul', 'int -2147483648'],
  ['1 << 40l', 'int 0'],
  ['(i8)-8 >> (unsigned long)1', 'int -4'],
  // What is smaller than an int becomes one first.
  ['-(u8)1', 'int -1'],
  ['~(u8)1', 'int -2'],
  ['+(u16)1', 'int 1'],
  ['-1u', 'unsigned int 4294967295'],
  ['(u8)200 + (u8)100', 'int 300'],
  ['(u8)1 << 8', 'int 256'],
  // Signed beside unsigned: of the same width the unsigned one counts, else the wider one.
  ['-1 < 1u', 'int 0'],
  ['-1l < 1u', 'int 1'],
  ['-1 < 1ul', 'int 0'],
  ['-1 == 0xffffffff', 'int 1'],
  ['-1l == 0xffffffff', 'int 0'],
  ['(i8)-1 < (u8)1', 'int 1'],
  ['-1 + 0ul', 'unsigned long 18446744073709551615'],
  ['-1l + 0u', 'long -1'],
];

/** The instructions would go on with a number that nobody meant. */
const REFUSED: readonly string[] = [
  '1 / 0',
  '1 % 0',
  '1u / 0',
  '1u % 0u',
  '1l / 0',
  '1l % (1 - 1)',
  '0 / 0',
  '$a0 % 0',
];

describe('whole numbers of expressions', () => {
  for (const [text, expected] of CASES) {
    it(`${text} is ${expected}`, () => assert.equal(typed(text), expected));
  }
  for (const text of REFUSED) {
    it(`${text} is refused`, () =>
      assert.equal(
        codeOf(() => typed(text)),
        'EXPR_DIVIDE_BY_ZERO',
      ));
  }

  it('divides floating point numbers by 0, as C does', () => {
    assert.deepEqual(['1 / 0.0', '-1.0 / 0'].map(typed), ['double inf', 'double -inf']);
  });
});
