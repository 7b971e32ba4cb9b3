/** The contract of `chronovisor checkpoint` (docs/checkpoints.md) on a store with two instants of one machine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { UserError } from '../../src/base/errors';
import { physAddr } from '../../src/base/brand';
import { stateToSections } from '../../src/checkpoint/store/machine-state';
import { DATA_START } from '../../src/checkpoint/store/format';
import { parseCheckpoint } from '../../src/cli/checkpoint';
import { readHart } from '../../src/cli/saved-hart';
import { writeTable } from '../../src/cli/table';
import { openStore } from '../../src/host/store/open-store';
import { CSRS } from '../../src/isa/csr';
import { Bench } from '../support/bare-guest';
import { busyGuest } from '../support/busy-guest';
import { reach } from '../support/reach';
import { CommandLine, type Outcome } from './support';

const cli = new CommandLine();
const PAGE = 4096;
const RAM = 0x8000_0000;

/** What RAM and registers were, in words of the machine itself. */
interface Truth {
  readonly pages: readonly Uint8Array[];
  readonly registers: readonly ReadonlyMap<string, bigint>[];
  readonly pcs: readonly bigint[];
}

function truthOf({ machine }: Bench): Truth {
  const pages = Array.from({ length: machine.config.ramBytes / PAGE }, (_, page) => {
    const bytes = machine.looks.physical(physAddr(BigInt(RAM + page * PAGE)), PAGE);
    assert(bytes);
    return bytes;
  });
  const harts = Array.from({ length: machine.config.harts }, (_, hart) => hart);
  return {
    pages,
    registers: harts.map(
      (hart) => new Map(CSRS.map(({ name, number }) => [name, machine.looks.csr(hart, number)])),
    ),
    pcs: harts.map((hart) => machine.pc(hart)),
  };
}

describe('chronovisor checkpoint', () => {
  const path = (): string => cli.path('store');
  const truths: Truth[] = [];

  before(async () => {
    await cli.build();
    const { store, close } = await openStore(path());
    const bench = new Bench(busyGuest(2));
    const { machine } = bench;
    for (const [name, until] of [
      ['first', 20_000],
      ['second', 50_000],
      ['twice', 50_000],
      ['twice', 50_000],
    ] as const) {
      await reach(bench.machine, until);
      const truth = truthOf(bench);
      truths.push(truth);
      const { pages: _pages, disks: _disks, ...state } = machine.freeze();
      const transaction = await store.begin({
        info: {
          name,
          notes: name === 'first' ? 'seen\u001b[2J here' : '',
          automatic: false,
          savedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
          instret: until,
          stopMicroseconds: 42,
          ramBytes: machine.config.ramBytes,
          consoleTail: 'boot\r\n\u001b[1mlogin:\u001b[0m ',
          guest: { program: '/guest.elf', seed: 3n, hash: Uint8Array.of(1, 254) },
        },
        sections: stateToSections(state),
        disks: [{ path: '/disk.img', format: 'raw', sizeBytes: 1 << 20, contentHash: 'sha256:00' }],
      });
      truth.pages.forEach((bytes, page) => transaction.putPage(page, bytes));
      if (name !== 'first') transaction.putDiskBlock(0, 7, new Uint8Array(PAGE).fill(1));
      await transaction.commit();
    }
    await close();
  });
  after(() => cli.dispose());

  const run = async (...args: string[]): Promise<Outcome> => {
    const outcome = await cli.run('checkpoint', ...args);
    return { ...outcome, stdout: Buffer.from(outcome.stdout, 'latin1').toString() };
  };
  const json = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await run(...args, '--json');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^[^\n]+\n$/u);
    return JSON.parse(stdout) as T;
  };

  it('lists what there is, in fields parted by tabs', async () => {
    const { code, stdout } = await run('list', path());
    assert.equal(code, 0);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    assert.deepEqual(
      rows.map(([id, name, saved, instruction, , stop, shown]) => [
        id,
        name,
        saved,
        instruction,
        stop,
        shown,
      ]),
      [
        ['1', 'first', '2026-01-02 03:04:05', '20,000', '42 µs', 'login:'],
        ['2', 'second', '2026-01-02 03:04:05', '50,000', '42 µs', 'login:'],
        ['3', 'twice', '2026-01-02 03:04:05', '50,000', '42 µs', 'login:'],
        ['4', 'twice', '2026-01-02 03:04:05', '50,000', '42 µs', 'login:'],
      ],
    );
  });

  it('lists with stable fields as JSON', async () => {
    const list = await json<{ store: string; limitBytes: null; checkpoints: Record<string, unknown>[] }>(
      'list',
      path(),
    );
    const { checkpoints, ...head } = list;
    assert.deepEqual(Object.keys(head), ['store', 'sizeBytes', 'liveBytes', 'limitBytes', 'freeBytes']);
    assert.equal(list.store, path());
    assert.equal(list.limitBytes, null);
    const { pages, addedBytes, ...first } = checkpoints[0] ?? assert.fail('there are some');
    assert(Number(pages) > 0 && Number(addedBytes) > 0);
    assert.deepEqual(first, {
      id: '1',
      name: 'first',
      notes: 'seen\u001b[2J here',
      automatic: false,
      parent: null,
      savedAt: '2026-01-02T03:04:05.000Z',
      instret: 20_000,
      stopMicroseconds: 42,
      ramBytes: 16 << 20,
      consoleTail: 'boot\r\n\u001b[1mlogin:\u001b[0m ',
      damaged: false,
      guest: { program: '/guest.elf', seed: '3', hash: '01fe' },
    });
  });

  it('shows one, by id or by name, and nothing in it reaches the terminal as a command', async () => {
    const shown = await json<{ harts: { pc: string }[]; disks: object[]; finished: null }>(
      'show',
      path(),
      '2',
    );
    assert.deepEqual(
      shown.harts.map(({ pc }) => BigInt(pc)),
      truths[1]?.pcs,
    );
    assert.deepEqual(shown.disks, [
      {
        path: '/disk.img',
        format: 'raw',
        sizeBytes: 1 << 20,
        contentHash: 'sha256:00',
        layer: null,
        blocks: 1,
      },
    ]);
    assert.equal(shown.finished, null);
    const { stdout } = await run('show', path(), 'first');
    assert.match(stdout, /^name\tfirst\nnotes\tseen here\n/mu);
    assert.match(stdout, /^hart 1\tpc 0x[0-9a-f]{16}, M-mode/mu);
    assert.match(stdout, /^console\tboot ⏎ login:$/mu);
    assert.doesNotMatch(stdout, /\u001b/u);
  });

  it('tells registers by the names and values that the machine itself gives them', () => {
    const bench = new Bench(busyGuest(2));
    bench.run(33_333);
    const { machine } = bench;
    machine.freeze().harts.forEach((block, hart) => {
      const { registers } = readHart(block);
      for (const { name, number } of CSRS) {
        if (registers.has(name)) assert.equal(registers.get(name), machine.looks.csr(hart, number), name);
      }
      assert.equal(registers.get('sp'), bench.x('sp', hart));
      assert.equal(registers.get('pc'), machine.pc(hart));
      for (const name of ['mstatus', 'mip', 'mepc', 'pmpaddr3', 'pmpcfg2', 'satp', 'scause', 'fflags'])
        assert(registers.has(name), name);
    });
  });

  it('finds the pages, blocks and registers that differ, and no others', async () => {
    const [first, second] = truths;
    assert(first && second);
    const expected = first.pages.flatMap((bytes, page) =>
      Buffer.compare(bytes, second.pages[page] ?? bytes) === 0 ? [] : [page],
    );
    assert(expected.length > 1);
    const diff = await json<{
      registers: { hart: number; name: string; a: string; b: string }[];
      pages: { count: number; ranges: { address: string; pages: number }[] };
      disks: object[];
    }>('diff', path(), 'first', 'second', '--pages');
    const pages = diff.pages.ranges.flatMap(({ address, pages: count }) =>
      Array.from({ length: count }, (_, i) => (Number(address) - RAM) / PAGE + i),
    );
    assert.deepEqual([diff.pages.count, pages], [expected.length, expected]);
    assert.deepEqual(diff.disks, [
      { path: '/disk.img', count: 1, ranges: [{ offset: 7 * PAGE, blocks: 1 }] },
    ]);
    const csrs = diff.registers.filter(({ name }) => CSRS.some((row) => row.name === name));
    assert(csrs.length > 0);
    for (const { hart, name, a, b } of csrs) {
      assert.equal(BigInt(a), first.registers[hart]?.get(name), name);
      assert.equal(BigInt(b), second.registers[hart]?.get(name), name);
      assert.notEqual(a, b);
    }
    const same = await json<{ registers: []; devices: []; pages: object; disks: object[] }>(
      'diff',
      path(),
      '2',
      '3',
    );
    assert.deepEqual(
      [same.registers, same.devices, same.pages, same.disks],
      [[], [], { count: 0 }, [{ path: '/disk.img', count: 0 }]],
    );
  });

  it('exports and imports', async () => {
    const file = cli.path('second.cvstore');
    assert.deepEqual(await json('export', path(), 'second', file), { id: '2', name: 'second', file });
    const other = cli.path('other');
    assert.deepEqual(await json('import', other, file), { imported: ['1'] });
    const list = await json<{ checkpoints: { name: string }[] }>('list', other);
    assert.deepEqual(
      list.checkpoints.map(({ name }) => name),
      ['second'],
    );
    assert.equal(
      (await run('verify', other)).stdout,
      `1 second: ok, ${await pagesOf(file)} pages and blocks\n`,
    );
    assert.deepEqual(await json('delete', other, 'second'), { deleted: ['1'] });
    assert.equal((await run('list', other)).stdout, '');
  });

  const pagesOf = async (store: string): Promise<number> => {
    const { checkpoints } = await json<{ checkpoints: { pages: number }[] }>('verify', store);
    return checkpoints[0]?.pages ?? 0;
  };

  it('finds damage, and ends with 1', async () => {
    const whole = cli.path('whole.cvstore');
    await run('export', path(), 'second', whole);
    const bytes = new Uint8Array(readFileSync(whole));
    const damaged = cli.path('damaged.cvstore');
    // In the middle of what the store holds; whatever it is there, it must be noticed.
    const at = Math.floor((DATA_START + bytes.findLastIndex((byte) => byte !== 0)) / 2);
    bytes.fill(0xa5, at, at + 4096);
    cli.file('damaged.cvstore', bytes);
    const { code, stdout } = await run('verify', damaged, '--json');
    assert.equal(code, 1);
    const { ok, checkpoints } = JSON.parse(stdout) as { ok: boolean; checkpoints: { problems: string[] }[] };
    assert.equal(ok, false);
    assert((checkpoints[0]?.problems.length ?? 0) > 0);
    const text = await run('verify', damaged);
    assert.equal(text.code, 1);
    assert.match(text.stdout, /^1 second: damaged\n {2}\S/u);
  });

  it('refuses what it does not understand in one line with a code', async () => {
    const cases: readonly [string, readonly string[]][] = [
      ['STORE_MISSING', ['list', cli.path('nowhere')]],
      ['STORE_FOREIGN', ['list', cli.file('foreign.cvstore', 'this is no store at all'.repeat(1000))]],
      ['CHECKPOINT_UNKNOWN', ['show', path(), 'third']],
      ['CHECKPOINT_AMBIGUOUS', ['show', path(), 'twice']],
      ['CHECKPOINT_UNKNOWN', ['delete', path(), '1', 'third']],
      ['STORE_MISSING', ['delete', cli.path('nowhere'), '1']],
    ];
    for (const [expected, args] of cases) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [1, ''], stderr);
      assert.match(stderr, new RegExp(`^chronovisor: ${expected}: [^\\n]+\\n$`, 'u'));
    }
    const all = await json<{ checkpoints: unknown[] }>('list', path());
    assert.equal(all.checkpoints.length, 4, 'nothing was deleted');
  });
});

describe('chronovisor checkpoint: usage', () => {
  const wrong = [
    [],
    ['frob', 's'],
    ['toString', 's'],
    ['list'],
    ['list', 's', 'x'],
    ['show', 's'],
    ['export', 's', '1'],
    ['diff', 's', '1'],
    ['delete', 's'],
    ['import', 's'],
    ['list', 's', '--pages'],
    ['list', 's', '--frob'],
  ];
  for (const args of wrong) {
    it(`refuses checkpoint ${args.join(' ')}`, () => {
      assert.throws(
        () => parseCheckpoint(args),
        (error) => error instanceof UserError && error.code === 'USAGE' && !error.message.includes('\n'),
      );
    });
  }

  it('aligns a table on a terminal, and cuts it at its edge', () => {
    let text = '';
    const output = { write: (more: string) => void (text += more), isTerminal: true, width: 12 };
    writeTable(
      output,
      [{ title: 'ID', right: true }, { title: 'NAME' }],
      [
        ['1', 'short'],
        ['10', 'much too long'],
      ],
    );
    assert.equal(text, '\u001b[1mID  NAME\u001b[0m\n 1  short\n10  much too\n');
  });
});
