/** Guests that write while they are saved, and archives of each kind to save them in. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { CheckpointArchive, LoadedCheckpoint, SaveRequest } from '../../src/checkpoint/archive';
import { stateToSections } from '../../src/checkpoint/store/machine-state';
import type { CheckpointInfo } from '../../src/checkpoint/store/manifest';
import { openArchive } from '../../src/host/archive';
import type { OpenArchiveOptions } from '../../src/host/archive-protocol';
import { preallocate } from '../../src/host/store/open-store';
import type { Machine, MachineState } from '../../src/machine/machine';
import { Bench, RAM, type BareOptions } from '../support/bare-guest';
import { reach } from '../support/reach';
import { findTool, inCi } from '../support/tools';

export const MIB = 1024 * 1024;
export const PAGE = 4096;

/** Writes random numbers all over `WINDOW` bytes of RAM, forever. */
const WRITER = `
        li s4, SEED
        li s5, 0x80100000
        li s6, WINDOW - 8
        li s7, 6364136223846793005
    loop:
        mul s4, s4, s7
        addi s4, s4, 1442
        srli t0, s4, 33
        and t0, t0, s6
        add t0, t0, s5
        sd s4, (t0)
        j loop
`;

export interface WriterOptions extends BareOptions {
  readonly seed?: number;
  /** A power of two; default 4 MiB. */
  readonly windowBytes?: number;
}

export function writer({ seed = 12_345, windowBytes = 4 * MIB, ...options }: WriterOptions = {}): Bench {
  return new Bench(`.equ SEED, ${seed}\n.equ WINDOW, ${windowBytes}\n${WRITER}`, options);
}

/** Runs the guest on until `done` has settled, looking at the host's events between slices; the slices run. */
export async function runUntil(machine: Machine, done: Promise<unknown>, slice = 50_000): Promise<number> {
  let [settled, slices] = [false, 0];
  const end = (): void => void (settled = true);
  done.then(end, end);
  while (!settled) {
    await reach(machine, machine.instret + slice);
    slices++;
    await setImmediate();
  }
  return slices;
}

export const infoOf = (name: string, extra: Partial<CheckpointInfo> = {}): CheckpointInfo => ({
  name,
  notes: 'notes',
  automatic: false,
  savedAt: 1_700_000_000_000,
  instret: 1,
  stopMicroseconds: 5,
  ramBytes: 16 * MIB,
  consoleTail: '',
  guest: { program: 'guest.elf' },
  ...extra,
});

/** A frozen machine, and what was in it at that instant. */
export interface Instant {
  readonly state: MachineState;
  readonly ram: Uint8Array;
  readonly sections: SaveRequest['sections'];
  readonly request: SaveRequest;
}

export function freeze(machine: Machine, name: string, more: Partial<SaveRequest> = {}): Instant {
  const { ramBytes } = machine.config;
  const ram = machine.memory.read(RAM, ramBytes);
  const state = machine.freeze();
  const sections = stateToSections(state);
  const request: SaveRequest = {
    info: infoOf(name, { instret: state.instret, ramBytes }),
    sections,
    ram: { memory: machine.linear.memory, directory: state.pages.directory, ramBytes },
    disks: [],
    sources: [],
    ...more,
  };
  return { state, ram, sections: structuredClone(sections), request };
}

/** All RAM of a loaded checkpoint. */
export function ramOf({ ram, summary }: LoadedCheckpoint): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  const out = new Uint8Array(summary.ramBytes);
  const count = 64;
  for (let first = 0; first < summary.ramBytes / PAGE; first += count) {
    // Backwards: which page goes where is the caller's choice.
    const pages = Array.from({ length: count }, (_, index) => first + count - 1 - index);
    const frames = pages.map((_, index) => 2 * index);
    const isZero = ram.fill(memory, pages, frames);
    pages.forEach((page, index) => {
      if (!isZero[index]) out.set(bytes.subarray(2 * index * PAGE, (2 * index + 1) * PAGE), page * PAGE);
    });
  }
  return out;
}

/** The checkpoint is what the guest was at that instant, bit for bit. */
export async function assertHolds(archive: CheckpointArchive, id: string, instant: Instant): Promise<void> {
  const loaded = await archive.load(id);
  try {
    assert.deepEqual(loaded.sections, instant.sections);
    assert.equal(Buffer.compare(ramOf(loaded), instant.ram), 0, `RAM of "${loaded.summary.name}"`);
  } finally {
    loaded.close();
  }
}

/** A place for archives; `reopen` opens the same again, which in RAM is an empty one. */
export interface Place {
  readonly path: string;
  readonly options: OpenArchiveOptions;
  readonly keeps: boolean;
}

export interface PlaceKind {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing?: string;
  make(folder: string): Promise<Place>;
  remove?(place: Place): void;
}

const loopMissing = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'only root can make loop devices';
  if (findTool('losetup') === undefined) return 'losetup is not installed';
  const found = spawnSync('losetup', ['-f'], { encoding: 'utf8' });
  return found.status === 0 ? undefined : `no loop device can be had: ${found.stderr.trim()}`;
};

/** Row S20: the same on each. Where nothing may be skipped, the preallocated file stands for a device that cannot be had. */
export function placeKinds(sizeBytes = 64 * MIB): PlaceKind[] {
  const missing = loopMissing();
  const kinds: PlaceKind[] = [
    { name: 'RAM', make: async () => ({ path: 'RAM', options: { memory: true }, keeps: false }) },
    {
      name: 'a folder',
      make: async (folder) => ({ path: join(folder, 'store'), options: {}, keeps: true }),
    },
    {
      name: 'a preallocated file',
      make: async (folder) => {
        const path = join(folder, 'fixed');
        await preallocate(path, sizeBytes);
        return { path, options: { fixed: true }, keeps: true };
      },
    },
    {
      name: 'a raw block device',
      ...(missing === undefined ? {} : { missing }),
      make: async (folder) => {
        const image = join(folder, 'image');
        writeFileSync(image, new Uint8Array(sizeBytes));
        const path = execFileSync('losetup', ['-f', '--show', image], { encoding: 'utf8' }).trim();
        return { path, options: {}, keeps: true };
      },
      remove: ({ path }) => void execFileSync('losetup', ['-d', path]),
    },
  ];
  return kinds.filter((kind) => kind.missing === undefined || !inCi());
}

/** A temporary folder with archives in it, which are closed at the end. */
export class Archives {
  readonly folder = mkdtempSync(join(tmpdir(), 'chronovisor-archive-'));
  private readonly opened: CheckpointArchive[] = [];

  async open(path = 'store', options: OpenArchiveOptions = {}): Promise<CheckpointArchive> {
    const archive = await openArchive(join(this.folder, path), options);
    this.opened.push(archive);
    return archive;
  }

  async at({ path, options }: Place): Promise<CheckpointArchive> {
    const archive = await openArchive(path, options);
    this.opened.push(archive);
    return archive;
  }

  async end(): Promise<void> {
    for (const archive of this.opened) await archive.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
