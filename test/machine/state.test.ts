/**
 * Every field of the saved state comes back, whether or not any guest of the tests makes use of it: each one is changed in a
 * saved state, by itself, and what is restored and saved again must have the change.
 */
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { CowDisk } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import type { Section, SectionData } from '../../src/machine/device';
import { CURRENT, H } from '../../src/machine/layout';
import type { Machine, MachineState } from '../../src/machine/machine';
import { Bench } from '../support/bare-guest';
import { busyGuest } from '../support/busy-guest';
import { startDisk } from '../support/guest-code';
import { reach } from '../support/reach';
import { TestDisk } from '../support/test-disk';
import { inspectData } from './devices/board';

/** Stands still with two requests to a disk pending, a read and a write. */
function made(): { machine: Machine; state: MachineState } {
  const disk = new TestDisk(new CowDisk(new MemoryImage(new Uint8Array(64 * 512))));
  const bench = new Bench(
    `   csrr t0, mhartid
        bnez t0, 2f
        ${startDisk(7)}
        la t0, descriptors
        la t1, headers
        mv t2, s1
    1:  ld t3, (t0)
        sd t3, (t2)
        addi t0, t0, 8
        addi t2, t2, 8
        bltu t0, t1, 1b
        li t0, 0x30000              # chains that begin with descriptors 0 and 3
        sw t0, 260(s1)
        li t0, 2
        sh t0, 258(s1)
        sw zero, 0x50(s0)
    2:  j 2b
        .align 3
    descriptors:
        .dword headers, 0x1000100000010, 0x80200000, 0x2000300000200, 0x80201000, 0x200000001
        .dword headers + 16, 0x4000100000010, 0x80200000, 0x5000100000200, 0x80201001, 0x200000001
    headers: .dword 0, 3, 1, 5`,
    { harts: 2, disks: [{ port: disk, slot: 7 }] },
  );
  // Long before the requests are due.
  bench.run(600);
  bench.type('typed, and more than the sixteen bytes of the FIFO');
  return { machine: bench.machine, state: bench.machine.freeze() };
}

/** Indices are names, too. */
type Path = readonly string[];

/** Names and values inside, or undefined for a plain value. */
function inside(data: SectionData): readonly (readonly [string, SectionData])[] | undefined {
  return typeof data !== 'object' || data === null || data instanceof Uint8Array
    ? undefined
    : Object.entries<SectionData>(data);
}

/** All places of plain values. */
function* leaves(data: SectionData, path: Path = []): Generator<Path> {
  const parts = inside(data);
  if (parts === undefined) yield path;
  else for (const [key, part] of parts) yield* leaves(part, [...path, key]);
}

const at = (data: SectionData, path: Path): SectionData =>
  path.reduce<SectionData>((outer, name) => new Map(inside(outer)).get(name) ?? null, data);

/** The data with another value in one place. */
function changed(data: SectionData, path: Path, value: SectionData): SectionData {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const parts = (inside(data) ?? []).map(
    ([key, part]) => [key, key === name ? changed(part, rest, value) : part] as const,
  );
  return Array.isArray(data) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

/** Values of the same kind, one of which a device will take. */
function others(value: SectionData): SectionData[] {
  switch (typeof value) {
    case 'number':
      return [value ^ 1, value + 1, value - 1, value + 512, value * 2, value / 2].filter((n) => n >= 0);
    case 'bigint':
      return [value ^ 1n];
    case 'boolean':
      return [!value];
    case 'string':
      return ['virtio'];
    default:
      return value instanceof Uint8Array ? [Uint8Array.of(...value, 7), value.map((byte) => byte ^ 1)] : [5];
  }
}

describe('saved state', () => {
  const { machine, state } = made();

  it('has requests that are pending, and input that waits', () => {
    const text = inspectData(state.sections);
    for (const part of [/"op":"read"/, /"op":"write"/, /"waiting":\[\d/]) assert.match(text, part);
  });

  /** Whether that state, restored and saved again, is what it was. */
  function comesBack(name: string, data: SectionData): boolean {
    const sections = state.sections.map((section): Section =>
      section.name === name ? { ...section, data } : section,
    );
    try {
      machine.restore({ ...state, sections });
    } catch {
      return false;
    }
    const saved = machine.board.save().find((section) => section.name === name);
    return inspectData(saved?.data) === inspectData(data);
  }

  for (const { name, data } of state.sections) {
    it(`each field of ${name} comes back`, () => {
      for (const path of leaves(data)) {
        // What tells which device it is must be as it was.
        if (['legacy', 'deviceId', 'op'].includes(path.at(-1) ?? '')) continue;
        const all = others(at(data, path)).map((value) => changed(data, path, value));
        const found = all.some((other) => inspectData(other) !== inspectData(data) && comesBack(name, other));
        assert.ok(found, path.join('.'));
      }
      assert.ok(comesBack(name, data), 'and nothing is left of the changes');
    });
  }

  it('a checkpoint has the devices as they are, not as they were at the one before', async () => {
    const check = (of: Machine, what: string): void => {
      assert.equal(inspectData(of.freeze().sections), inspectData(of.board.save()), what);
    };
    const busy = new Bench(busyGuest(2)).machine;
    // So small steps that there is one between a request's end and the guest's next look at the disk.
    for (let instant = 0; instant < 60_000; instant += 53) {
      await reach(busy, instant);
      check(busy, `at ${instant}`);
      if (instant % 16 === 0) busy.board.consoleInput(Uint8Array.of(instant & 0xff));
      check(busy, `at ${instant}, after input`);
    }
    const sections = state.sections.map((each) =>
      each.name === 'console' ? { ...each, data: 'virtio' } : each,
    );
    machine.restore(state);
    check(machine, 'restored');
    assert.equal(machine.board.takeConsoleByte(), 't'.charCodeAt(0));
    check(machine, 'input that firmware has polled');
    machine.restore({ ...state, sections });
    check(machine, 'restored with another console');
    machine.board.consoleInput(Uint8Array.of(1, 2, 3));
    check(machine, 'input for the virtio console');
  });

  it('each word of a hart comes back', () => {
    for (const [hart, block] of state.harts.entries()) {
      for (let word = 0; word < H.end - CURRENT; word += 4) {
        // Derived from the rest.
        if (word >= H.pmpLow - CURRENT && word < H.csrs - CURRENT) continue;
        const other = block.slice();
        other[word] = (block[word] ?? 0) ^ (word === H.priv - CURRENT ? 2 : 1);
        const harts = state.harts.map((each, index) => (index === hart ? other : each));
        machine.restore({ ...state, harts });
        assert.ok(Buffer.from(other).equals(machine.harts.saveBlock(hart)), `hart ${hart}, byte ${word}`);
      }
    }
  });

  it('what belongs to no device comes back', () => {
    const changes: Partial<MachineState>[] = [
      { instret: instret(state.instret + 1) },
      { timeSkew: state.timeSkew + 1 },
      { current: 1 - state.current },
      { quantumLeft: state.quantumLeft + 1 },
    ];
    machine.restore(state);
    const before = machine.stateHash();
    for (const change of changes) {
      machine.restore({ ...state, ...change });
      const { pages: _pages, disks: _disks, ...saved } = machine.freeze();
      for (const [key, value] of Object.entries(change))
        assert.equal(saved[key as keyof typeof saved], value);
      assert.notEqual(machine.stateHash(), before, Object.keys(change).join());
    }
    machine.restore({ ...state, finished: { kind: 'finished', reason: 'fail', exitCode: 3 } });
    assert.deepEqual(machine.run(state.instret + 100), { kind: 'finished', reason: 'fail', exitCode: 3 });
  });
});
