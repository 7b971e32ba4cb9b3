/** Expressions on a compiled program: what GDB prints at the same stop, for all that means the same to both. */
import assert from 'node:assert/strict';
import { requireTool } from '../support/tools';
import {
  CLASSES_CPP,
  compileGuest,
  compileValues,
  GCC,
  printsOfGdb,
  stoppedAt,
  VALUES_C,
} from './typed-guest';

const GXX = 'riscv64-unknown-elf-g++';

/** The same words for the same values: names behind addresses are left out, floats are rounded, flags are sorted out. */
function plainText(text: string): string {
  return (
    text
      .replaceAll(/ <[^>"]*>/gu, '')
      .replaceAll('unknown: ', '')
      // In C++ GDB writes where an enumerator is from, and comparisons are of type bool.
      .replaceAll('kernel::Mode::', '')
      .replace(/^true$/u, '1')
      .replace(/^false$/u, '0')
      .replaceAll(/\((\w+(?: \| \w+)+)\)/gu, '$1')
      .replaceAll(/nan\(0x[0-9a-f]+\)/gu, 'nan')
      .replaceAll(/\{[^{}]*\)\} (?=0x)/gu, '')
      .replaceAll(/-?\d+\.\d+(?:e[+-]?\d+)?|-?\d+e[+-]?\d+/gu, (number) => Number(number).toPrecision(6))
  );
}

const SAME = [
  // variables of all kinds
  ...[
    'count',
    'local',
    'letter',
    'third',
    'ratio',
    'text',
    'calls',
    'sink',
    'small',
    'big',
    'longest',
    'hundred',
  ],
  ...[
    'task',
    '*second',
    'points',
    'points[0]',
    'variable',
    'variable[3]',
    'row',
    '*row',
    '(*row)[2]',
    'matrix',
  ],
  ...[
    'words',
    'words[1]',
    '*words',
    'hidden',
    'head.next',
    'numbers[299]',
    'twice',
    '&twice',
    '*twice',
    'look',
  ],
  // members
  ...['task->id', '(*task).id', 'copy.name', 'task->name[0]', 'copy.state', 'copy.rights', 'task->word'],
  ...['task->at', 'task->bytes[3]', 'task->at.x', 'task->flags', 'task->level', 'task->wide', 'task->load'],
  ...[
    'task->share',
    'task->alive',
    'task->handler',
    'task->title',
    'task->parent',
    'task->data',
    'task->link',
  ],
  ...[
    'tasks[1].name',
    'tasks[1].parent->name',
    'tasks[2].parent->parent->id',
    'tasks[2].state',
    'tasks[2].name',
  ],
  ...['tasks[1].load', 'tasks[1].level', 'tasks[1].rights', '*task->title', 'task->title[4]'],
  // pointers
  ...[
    'second->x',
    '(second - 1)->y',
    'second[-1]',
    'second - points',
    '&points[1] == second',
    'second > points',
  ],
  ...[
    '&task->name',
    '&task->name[2]',
    '*(&task->id + 0)',
    'task + 1',
    '(task + 1)->id',
    'task[2].id',
    '&tasks[1]',
  ],
  ...[
    '&tasks[2] - &tasks[0]',
    '*(char *)task->name',
    '*task->name',
    '(long)task % 8',
    '!task',
    '!task->parent',
  ],
  ...[
    'task && task->id',
    'task->parent == 0',
    '&matrix[1][1] - &matrix[0][0]',
    '*matrix[1]',
    '*(*(matrix + 1) + 2)',
  ],
  ...['&*second == second', '**words', '*words[2]', '*(words[1] + 1)', '&head == task->link.prev'],
  // casts
  ...[
    '(char)65',
    '(unsigned char)300',
    '(signed char)200',
    '(short)0x18000',
    '(int)2.9',
    '(int)-2.9',
    '(float)1/3',
  ],
  ...[
    '(double)1/3',
    '(unsigned)-1',
    '(long)-1',
    '(unsigned long)-1',
    '(enum state)5',
    '(enum rights)6',
    '(enum rights)9',
  ],
  ...[
    '(enum state)1',
    '(struct task *)task->data',
    '((struct task *)task->data)->id',
    '(task_t *)tasks',
    '(byte_t)257',
  ],
  ...['*(struct point *)&points[1]', '*(int (*)[3])matrix', '(char)task->id', '(int)task->state', '(_Bool)7'],
  ...[
    '((task_t *)((char *)&task->link - 24))->name',
    '(handler_t)task->handler',
    '(void *)task',
    '*(unsigned short *)numbers',
  ],
  ...[
    '(unsigned int)small',
    '(int)(unsigned char)small',
    '(u64_t)small',
    '(char)1.5',
    '(long)big',
    '(int)big',
  ],
  // numbers
  ...[
    '1 + 2 * 3',
    '7 / 2',
    '-7 / 2',
    '-7 % 3',
    '7 / 2.0',
    '1 / 3.0f',
    '1 << 10',
    '-16 >> 2',
    '0x80000000 >> 4',
  ],
  ...[
    '5 & 3',
    '5 | 3',
    '5 ^ 3',
    '~5',
    '~0u',
    '-1 < 0u',
    '-1 < 0',
    '1 ? 2 : 3',
    '0 ? 2 : 3',
    '!3',
    '!!3',
    '+small',
  ],
  ...[
    '0x7fffffff',
    '0x80000000',
    '2147483648',
    '0xffffffff',
    '0xffffffffff',
    '4294967295',
    '1ul',
    '1ull << 63',
  ],
  ...[
    "'A'",
    "'\\n'",
    "'A' + 1",
    "'\\0'",
    "'\\x41'",
    '1.5',
    '1.5f',
    '.5',
    '1e3',
    '1.0 == 1',
    '0.1f == 0.1',
    '3 > 2 > 1',
  ],
  ...[
    'big + 20',
    'big + 20l',
    'small + big',
    'small * 2',
    'hundred * 3',
    'letter + 1',
    'longest - 1',
    '-longest',
  ],
  ...[
    'count * ratio',
    'third * 3',
    'local / 1000',
    'local % 1000',
    '(local & 0xff) << 4',
    'big / 2',
    'big >> 4',
  ],
  ...['task->load * 2', 'task->share + 1', 'task->level * 2', 'task->wide + 1'],
  ...[
    'ratio > 0.5 && count == 4',
    'ratio > 1 || count == 4',
    '1 == 1.0',
    '5 - 3u',
    '3u - 5',
    '3u - 5l',
    '-5 / 2u',
  ],
  // sizes
  ...[
    'sizeof(int)',
    'sizeof(struct task)',
    'sizeof(task_t)',
    'sizeof *task',
    'sizeof(tasks)',
    'sizeof tasks / sizeof tasks[0]',
  ],
  ...[
    'sizeof(char *)',
    'sizeof(matrix[0])',
    'sizeof(enum state)',
    'sizeof(long double)',
    'sizeof(variable)',
    'sizeof task->name',
  ],
  // several, and the machine
  ...[
    '*numbers@5',
    '*task->name@4',
    'points[0]@2',
    'matrix[0][1]@2',
    '*&count@1',
    '$sp > 0',
    '$fp - $sp',
    '(int)$a0 == $a0',
  ],
];

/** C's rules for bit fields (C11, 6.3.1.1), which GDB does not know: the flags are 5. */
const BY_THE_STANDARD: readonly (readonly [string, string])[] = [
  ['task->flags - 6', '-1'],
  ['-task->flags', '-5'],
];

/** What GDB refuses, we refuse. */
const REFUSED = [
  ...[
    'nothing',
    'task->nothing',
    'count.x',
    '*count',
    '*hidden',
    'hidden->x',
    '&5',
    'task +',
    '(struct none *)0',
  ],
  ...['1 / 0', '*(int *)0', 'sizeof(struct opaque)', 'task * 2', '1.5 % 2', '~1.5', '((', 'task->'],
];

/** C++: names in namespaces, members of `this`, references, bases. */
const CLASSES = [
  ...[
    'extra',
    'this->id',
    'id',
    'mode',
    'name',
    'counter',
    'alias',
    'ring',
    'ring.slots',
    'ring.slots[alias]',
  ],
  ...['self.id', 'self.name', '&alias == &ring.head', 'this == &self', 'sizeof(alias)', 'made', 'ticks'],
  ...[
    'kernel::ticks',
    'kernel::Base::made',
    '::global',
    'kernel::detail::depth',
    '(kernel::Mode)3',
    '(int)mode',
  ],
  ...[
    'counter + alias',
    'self.counter',
    'mode == kernel::Mode::Busy',
    '(kernel::Device *)this',
    'sizeof(kernel::Device)',
  ],
  ...['((kernel::Device *)this)->id', 'this->nothing', 'kernel::nothing', '*id', 'ring.slots + 1'],
];
const NESTED = [
  'sizeof(Device)',
  '(Mode)3',
  'level',
  'depth',
  'ticks',
  'global',
  'kernel::ticks + depth',
  'detail::depth',
  'sum * 0',
];

interface Guest {
  readonly program: string;
  readonly source: string;
  readonly marker: string;
}

/** Expressions that are not what GDB says, in words. */
async function differences(
  { program, source, marker }: Guest,
  expressions: readonly string[],
): Promise<string[]> {
  const expected = await printsOfGdb(program, expressions, source, marker);
  assert.equal(expected.length, expressions.length, 'GDB answered all');
  const client = await stoppedAt(program, source, marker);
  const frameId = (await client.top()).id;
  const differing: string[] = [];
  for (const [index, expression] of expressions.entries()) {
    const theirs = plainText(expected[index] ?? '');
    const ours = await client
      .request<{ result: string }>('evaluate', { expression, frameId, context: 'clipboard' })
      .then(({ result }) => plainText(result))
      .catch((error: unknown) => `error: ${String(error)}`);
    const isOut =
      theirs.startsWith('error: value has been optimized out') || theirs.includes('<optimized out>');
    const isSame = theirs.startsWith('error:') ? ours.startsWith('error:') : ours === theirs;
    if (!isSame && !(isOut && ours.includes('optimized out'))) {
      differing.push(`${expression}: ours ${ours}, GDB's ${theirs}`);
    }
  }
  await client.request('disconnect');
  return differing;
}

describe('dap: expressions on a compiled program', () => {
  for (const flags of [['-O0'], ['-O0', '-gdwarf-4'], ['-Og']]) {
    it(`are what GDB says (${flags.join(' ')})`, async function () {
      this.timeout(60_000);
      requireTool(this, GCC, 'gdb-multiarch', 'qemu-system-riscv64');
      const guest = { program: compileValues(...flags), source: VALUES_C, marker: 'STOP' };
      assert.deepEqual(await differences(guest, [...SAME, ...REFUSED]), []);
    });
  }

  for (const [marker, expressions] of [
    ['STOP', CLASSES],
    ['NESTED', NESTED],
  ] as const) {
    it(`are what GDB says in C++ (at ${marker})`, async function () {
      this.timeout(60_000);
      requireTool(this, GXX, 'gdb-multiarch', 'qemu-system-riscv64');
      const program = compileGuest(CLASSES_CPP, GXX, ['-O0', '-fno-exceptions', '-fno-rtti']);
      assert.deepEqual(await differences({ program, source: CLASSES_CPP, marker }, expressions), []);
    });
  }

  it('follow the standard where GDB does not', async function () {
    requireTool(this, GCC);
    const client = await stoppedAt(compileValues('-O0'));
    for (const [expression, value] of BY_THE_STANDARD) {
      assert.equal(await client.evaluate(expression, 'clipboard'), value);
    }
    await client.request('disconnect');
  });
});
