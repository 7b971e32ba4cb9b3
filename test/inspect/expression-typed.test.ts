/** Expressions over variables with hand-made types: what GDB has no words for, and what depends on what a name is. */
import assert from 'node:assert/strict';
import { compileAssignment, compileExpression, evaluateExpression } from '../../src/inspect/expression';
import { operandOf } from '../../src/inspect/expression-arithmetic';
import { valueText } from '../../src/inspect/value-text';
import type { Type } from '../../src/symbols/types';
import type { FunctionScope, Variable } from '../../src/symbols/variables';
import { codeOf, fakeView } from './support';
import * as t from './types';

const AT = 0x8000_1000n;
const state = t.enumeration('state', { FREE: 0n, READY: 1n, RUNNING: 5n });
const link = t.struct('list', 8, [t.member('next', t.pointer(t.voidType), 0)]);
const task = t.struct('task', 32, [
  t.member('id', t.int, 0),
  t.member('state', state, 4),
  t.member('link', link, 8),
  t.member('name', t.arrayOf(t.char, 1, 8), 16),
  t.member('slots', t.arrayOf(t.short, 2, 4), 24),
]);
const self = t.struct('kernel::Device', 8, [t.member('irq', t.int, 0), t.member('task', t.pointer(task), 8)]);
const fat = t.struct(
  '&[u32]',
  16,
  [t.member('data_ptr', t.pointer(t.rustU32), 0), t.member('length', t.ulong, 8)],
  { language: 'rust' },
);
const pair = t.struct('(u32, u8)', 8, [t.member('__0', t.rustU32, 0), t.member('__1', t.rustU8, 4)], {
  language: 'rust',
});

const bits = t.struct('bits', 8, [
  t.member('narrow', t.uint, 0, { bitSize: 31 }),
  t.member('whole', t.uint, 4, { bitSize: 32 }),
]);

const bytes = [
  ...[...t.words(4, 7, 5), ...t.words(8, 0x1234), ...t.text('init'), 0, 0, 0, ...t.words(2, 1, 2, 3, 4)],
  ...[...t.words(4, 33, 0), ...t.words(8, AT)],
  ...[...t.words(8, AT + 64n, 3), ...t.words(4, 100, 200, 300)],
];
const variables: readonly Variable[] = [
  t.variable('t', t.pointer(task), { kind: 'register', number: 10 }),
  t.variable('state', t.int, { kind: 'value', bytes: Uint8Array.of(9, 0, 0, 0) }),
  t.variable('this', t.pointer(self), { kind: 'register', number: 11 }),
  t.variable('slice', fat, t.memory(AT + 48n)),
  t.variable('pair', pair, t.memory(AT + 64n)),
  t.variable('to', t.pointer(t.pointer(pair)), { kind: 'register', number: 12 }),
  t.variable('gone', t.int, { kind: 'optimizedOut' }),
  t.variable('bits', bits, { kind: 'value', bytes: Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0) }),
  // Rust: `let y = 4; let y = y + 1;`
  t.variable('y', t.int, { kind: 'value', bytes: Uint8Array.of(4, 0, 0, 0) }),
  t.variable('y', t.int, { kind: 'value', bytes: Uint8Array.of(5, 0, 0, 0) }),
];
const inner: FunctionScope = {
  name: 'look',
  isInlined: true,
  blocks: [
    { variables: [t.variable('x', t.int, { kind: 'value', bytes: Uint8Array.of(1, 0, 0, 0) })] },
    {
      variables: [t.variable('x', t.int, { kind: 'value', bytes: Uint8Array.of(2, 0, 0, 0) }), ...variables],
    },
  ],
};
const outer: FunctionScope = {
  name: 'main',
  isInlined: false,
  blocks: [{ variables: [t.variable('x', t.int, { kind: 'value', bytes: Uint8Array.of(3, 0, 0, 0) })] }],
};
const types: Readonly<Record<string, Type>> = {
  'struct task': task,
  task_t: t.typedef('task_t', task),
  small: t.short,
  state,
};
const x: Readonly<Record<number, bigint>> = { 10: AT, 11: AT + 32n, 12: AT + 48n };
const view = fakeView({ pc: 0x8000_0000n, x, memory: [[AT, bytes]] });
const symbols = {
  symbolNamed: () => undefined,
  scopesAt: () => [inner, outer],
  typeNamed: (name: string): Type | undefined => types[name],
};
const frame = t.frameOf({ registers: x, memory: [[AT, bytes]] });
const context = { view, symbols, frame };
const shown = (text: string): string => valueText(evaluateExpression(text, context));

describe('expressions with types', () => {
  const cases: readonly [string, string][] = [
    ['x', '1'],
    ['y', '5'],
    ['container_of(&t->link, struct task, link)->id', '7'],
    ['container_of(&t->slots[2], task_t, slots[2]) == t', '1'],
    ['list_entry(0x80001008, struct task, link)', '0x80001000'],
    ['offsetof(struct task, slots[3])', '30'],
    ['offsetof(task_t, link.next)', '8'],
    ['t->state == RUNNING', '1'],
    ['READY == t->state', '0'],
    ['t->state', 'RUNNING'],
    ['t->name == "init"', '1'],
    ['"init" != t->name', '0'],
    ['t->name == "ini"', '0'],
    // a name that is a type where it is not a variable
    ['(small) -1', '-1'],
    ['(state) -1', '8'],
    ['(small)(70000)', '4464'],
    ['sizeof(task_t) + sizeof(state)', '36'],
    // members of this, Rust's references, tuples and slices
    ['irq', '33'],
    ['task->id', '7'],
    ['slice[1]', '200'],
    ['slice[1..3]', '[200, 300]'],
    ['pair.0', '100'],
    // C11, 6.3.1.1: an int has all values of the one, not of the other.
    ['-bits.narrow', '-1'],
    ['-bits.whole', '4294967295'],
    ['bits.narrow > -1', '1'],
    ['bits.whole > -1', '0'],
    ['to.0', '100'],
    ['to.__1', '200'],
  ];
  for (const [text, expected] of cases) {
    it(`${text} is ${expected}`, () => assert.equal(shown(text), expected));
  }

  it('are read again where a name means something else', () => {
    const expression = compileExpression('(small) -1');
    const isVariable = { ...inner, blocks: [{ variables: [t.variable('small', t.int, t.memory(AT))] }] };
    assert.equal(valueText(expression(context)), '-1');
    assert.equal(
      valueText(expression({ ...context, symbols: { ...symbols, scopesAt: () => [isVariable] } })),
      '6',
    );
    assert.equal(valueText(expression(context)), '-1');
  });

  it('see the variables of the function that is inlined, or of the one around', () => {
    assert.equal(valueText(evaluateExpression('x', { ...context, inlineDepth: 1 })), '1');
    assert.equal(valueText(evaluateExpression('x', { ...context, inlineDepth: 0 })), '3');
  });

  it('assign as C converts', () => {
    const target = evaluateExpression('t->state', context);
    const writes = compileAssignment('READY')(context, target);
    assert.deepEqual(writes, [{ kind: 'memory', address: AT + 4n, bytes: Uint8Array.of(1, 0, 0, 0) }]);
    const id = evaluateExpression('t->id', context);
    assert.deepEqual(compileAssignment('2.9')(context, id), [
      { kind: 'memory', address: AT, bytes: Uint8Array.of(2, 0, 0, 0) },
    ]);
  });

  const errors: readonly [string, string][] = [
    ['gone + 1', 'EXPR_OPTIMIZED_OUT'],
    ['slice[3]', 'EXPR_INDEX'],
    ['slice[-1]', 'EXPR_INDEX'],
    ['t->none', 'EXPR_MEMBER'],
    ['offsetof(struct task, none)', 'EXPR_MEMBER'],
    ['t->link + 1', 'EXPR_NOT_NUMBER'],
    ['t->state == SLEEPING', 'EXPR_UNKNOWN_SYMBOL'],
    ['(struct task)5', 'EXPR_NOT_NUMBER'],
    ['t->link.next->x', 'EXPR_VOID_POINTER'],
    ['&gone', 'EXPR_OPTIMIZED_OUT'],
    ['t(1)', 'EXPR_CALL'],
    ['t->id = 1', 'EXPR_SYNTAX'],
  ];
  for (const [text, code] of errors) {
    it(`${text} gives ${code}`, () =>
      assert.equal(
        codeOf(() => operandOf(evaluateExpression(text, context))),
        code,
      ));
  }
});
