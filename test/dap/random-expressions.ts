/**
 * Random C expressions over the variables of guest/numbers.c: numbers of every type, pointers, members, casts. What C leaves
 * open, what would end the judge (it divides the smallest long by -1, and dies of it), and where GDB 13 does not follow C, is left
 * out or written such that both mean the same:
 * - `sizeof x` is an int to GDB, but an unsigned long to C (6.5.3.4): it is cast.
 * - An enumeration that is shifted stays one to GDB; to C it is promoted (6.5.7), and so does one behind + or -: `| 0` promotes it.
 * - A floating point number that its new integer type does not hold has no value in C (6.3.1.4): small ones are converted,
 *   and not to _Bool, to which GDB cuts off the fraction first.
 * - `a ? b : c` has the type of the one that is chosen to GDB, and a common one in C (6.5.15): both have the same.
 */
import * as fc from 'fast-check';

/** Neither -1 nor anything that becomes it: what may stand behind `/` and `%`. */
const DIVISORS = [
  ...['seven', 'u8', 's16', 'u16', 'u32', 's64', 'u64', 'sll', 'letter', 'colour', 'signs', 'fixed', 'loose'],
  ...['nothing', 'zero32', 'f32', 'f64', 'size', 'wide', '3', '-7', '10u', '0x100', '2.5', '0.5f', "'a'"],
];

const NUMBERS = [
  ...['s8', 'u8', 's16', 'u16', 's32', 'u32', 's64', 'u64', 'sll', 'ull', 'letter', 'yes', 'no', 'lowest'],
  ...['one', 'seven', 'nothing', 'fixed', 'loose', 'alias8', 'alias16', 'wide', 'size', 'constant', 'local'],
  ...['colour', 'signs', 'large', 'numbers[2]', 'octets[4]', 'grid[1][2]', 'first.value', 'list->value'],
  ...['list->next->pair.first', 'nodes[1].value', 'mix.whole', 'mix.parts[3]', '*middle', '*row', '**handle'],
  ...['middle[-2]', '(*block)[3]', 'text[1]', '*word', 'word[2]', 'end[-1]', 'list->pair.second'],
  ...['(int)bits.low', '(long)bits.high', '(unsigned long)bits.most'],
];
const FLOATS = ['f32', 'f64', 'zero32', 'mix.real', '1.5', '2.25f', '1e3', '-0.125'];
const LITERALS = [
  ...['0', '1', '2', '7', '31', '127', '255', '256', '65535', '0x7fffffff', '2147483648', '0x80000000'],
  ...['0xffffffff', '4294967296', '10u', '3l', '5ul', '1ull', '0xffffffffffffffff', "'A'", "'\\n'", "'\\0'"],
  ...["'\\x41'", "'\\377'", "'\\\\'", "'\\''", '0x10L'],
];
const POINTERS = [
  ...['middle', 'end', 'numbers', '(&numbers[1])', '(*handle)', '((int *)raw)', '(&local)', '(&*middle)'],
  '(numbers + 2)',
];
const OTHER_POINTERS = [
  ...['row', 'word', 'list', 'list->next', 'raw', 'handle', 'block', '&grid[1]', 'grid', '*grid', 'text'],
  ...[
    '&text',
    '&first',
    '&first.pair',
    '&list->bytes',
    'list->bytes',
    'function',
    'nodes',
    '&nodes[2]',
    '*block',
  ],
  ...[
    '(char *)list',
    '(void *)0',
    '(struct node *)raw',
    '(long *)&u64',
    '&colour',
    '&block',
    'nodes[1].next',
  ],
  ...[
    '(int (*)[4])numbers',
    '(unsigned char *)&s32',
    '&word',
    '&mix.parts',
    '(const short *)raw',
    'add',
    '&add',
  ],
];
const TYPES = [
  ...['char', 'signed char', 'unsigned char', 'short', 'unsigned short', 'int', 'unsigned', 'unsigned int'],
  ...['long', 'unsigned long', 'long long', 'unsigned long long', 'float', 'double', 'u8_t', 'word_t'],
  ...['wide_t', 'size_type', 'enum colour', 'enum signs', 'short int', 'long int', 'long unsigned int'],
];
const SIZED = [
  '_Bool',
  ...TYPES,
  ...[
    'int *',
    'struct node',
    'struct node *',
    'union mix',
    'int[4]',
    'struct pair[3]',
    'char (*)[5]',
    'void *',
  ],
  ...['int (*)(int, int)', 'const char *', 'struct node[2][3]'],
];

const cast = (type: fc.Arbitrary<string>, operand: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(type, operand).map(([name, text]) => `((${name})(${text}))`);

const promoted = (operand: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  operand.map((text) => `(${text} | 0)`);

/** Expressions of a bounded size, in parentheses wherever an operator is. */
export const { any: expressions } = fc.letrec<
  Record<'whole' | 'number' | 'pointer' | 'other' | 'any', string>
>((tie) => {
  const whole = tie('whole');
  const number = tie('number');
  const pointer = tie('pointer');
  const other = tie('other');
  const join = (
    left: fc.Arbitrary<string>,
    operators: readonly string[],
    right: fc.Arbitrary<string>,
  ): fc.Arbitrary<string> =>
    fc.tuple(left, fc.constantFrom(...operators), right).map(([a, operator, b]) => `(${a} ${operator} ${b})`);
  const before = (operators: readonly string[], operand: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(fc.constantFrom(...operators), operand).map(([operator, text]) => `(${operator} ${text})`);
  const choose = (test: fc.Arbitrary<string>, of: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc
      .tuple(test, fc.constantFrom(...TYPES.filter(isWhole)), of, of)
      .map(([a, type, b, c]) => `(${a} ? (${type})(${b}) : (${type})(${c}))`);
  const small = fc.constantFrom('1', '2', '-1', 'one', 'nothing', '3');
  const shift = fc.constantFrom('1', '3', '7', 'one', 'seven', '31', '8u', '5l', "'\\4'");
  const comparisons = ['==', '!=', '<', '>', '<=', '>='];
  return {
    whole: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 3, arbitrary: fc.constantFrom(...NUMBERS) },
      { weight: 2, arbitrary: fc.constantFrom(...LITERALS) },
      { weight: 3, arbitrary: join(whole, ['+', '-', '*', '&', '|', '^'], whole) },
      { weight: 1, arbitrary: join(whole, ['/', '%'], fc.constantFrom(...DIVISORS.filter(isWhole))) },
      { weight: 1, arbitrary: join(promoted(whole), ['<<', '>>'], shift) },
      { weight: 1, arbitrary: join(number, comparisons, number) },
      { weight: 1, arbitrary: join(pointer, [...comparisons, '-'], pointer) },
      { weight: 1, arbitrary: join(number, ['&&', '||'], number) },
      { weight: 1, arbitrary: join(other, ['==', '!='], fc.constantFrom('0', '(void *)0')) },
      { weight: 1, arbitrary: before(['-', '+', '~'], promoted(whole)) },
      { weight: 1, arbitrary: before(['!'], fc.oneof(number, pointer, other)) },
      { weight: 1, arbitrary: fc.constantFrom(...SIZED).map((type) => `(unsigned long)sizeof(${type})`) },
      {
        weight: 1,
        arbitrary: fc.oneof(whole, number, pointer, other).map((text) => `(unsigned long)sizeof (${text})`),
      },
      { weight: 1, arbitrary: cast(fc.constant('_Bool'), whole) },
      { weight: 1, arbitrary: choose(number, whole) },
      { weight: 1, arbitrary: pointer.map((text) => `(long)${text}`) },
      {
        weight: 1,
        arbitrary: fc.tuple(pointer, small).map(([text, index]) => `(&${text}[${index}] - numbers)`),
      },
      {
        weight: 2,
        arbitrary: cast(
          fc.constantFrom(...TYPES.filter(isWhole)),
          fc.oneof(whole, fc.constantFrom(...FLOATS)),
        ),
      },
    ),
    number: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 3, arbitrary: whole },
      { weight: 2, arbitrary: fc.constantFrom(...FLOATS) },
      { weight: 2, arbitrary: join(number, ['+', '-', '*'], number) },
      { weight: 1, arbitrary: join(number, ['/'], fc.constantFrom(...DIVISORS)) },
      { weight: 1, arbitrary: before(['-', '+'], fc.oneof(promoted(whole), fc.constantFrom(...FLOATS))) },
      { weight: 1, arbitrary: cast(fc.constantFrom('float', 'double'), number) },
    ),
    pointer: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 4, arbitrary: fc.constantFrom(...POINTERS) },
      { weight: 1, arbitrary: join(pointer, ['+', '-'], small) },
      { weight: 1, arbitrary: fc.tuple(pointer, small).map(([text, index]) => `(&${text}[${index}])`) },
    ),
    other: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: fc.constantFrom(...OTHER_POINTERS) },
      {
        weight: 1,
        arbitrary: join(
          fc.constantFrom('row', 'word', 'list', 'grid', '(char *)list', 'handle'),
          ['+', '-'],
          small,
        ),
      },
      { weight: 1, arbitrary: cast(fc.constantFrom('char *', 'void *', 'struct node *', 'word_t *'), other) },
    ),
    any: fc.oneof(
      { weight: 4, arbitrary: number },
      { weight: 1, arbitrary: pointer },
      { weight: 1, arbitrary: other },
    ),
  };
});

function isWhole(text: string): boolean {
  return !/^(?:zero32|f32|f64|2\.5|0\.5f|float|double)$/u.test(text);
}
