/** `chronovisor checkpoint diff`: what two checkpoints of one store do not have in common. */
import { formatInstret, plainLines } from '../base/text';
import { stateFromSections } from '../checkpoint/store/machine-state';
import type { DiskArchive } from '../checkpoint/disk-archive';
import type { CheckpointStore } from '../checkpoint/store/store';
import type { CheckpointSummary, StoredCheckpoint, StoredPages } from '../checkpoint/store/stored';
import { RAM_BASE } from '../machine/layout';
import { hex, type Look } from './checkpoint-look';
import { readHart } from './saved-hart';
import type { Output } from './table';

interface RegisterDifference {
  readonly hart: number;
  readonly name: string;
  /** Null where there is no such hart. */
  readonly a: string | null;
  readonly b: string | null;
}

/** Neighbouring pages or blocks as one. */
interface Range {
  readonly first: number;
  count: number;
}

const PAGE_BYTES = 4096;

interface Differences {
  readonly registers: readonly RegisterDifference[];
  readonly devices: readonly string[];
  readonly pages: readonly Range[];
  readonly disks: readonly { readonly path: string; readonly blocks: readonly Range[] }[];
}

export async function diffCheckpoints(
  store: CheckpointStore,
  a: CheckpointSummary,
  b: CheckpointSummary,
  look: Look & { readonly lists: boolean; readonly archive: DiskArchive },
): Promise<number> {
  const [one, other] = [await store.read(a.id), await store.read(b.id)];
  try {
    const differences: Differences = {
      registers: await registersOf(one, other),
      devices: devicesOf(one, other),
      pages: await rangesOf(one.ram, other.ram),
      disks: await disksOf(look.archive, a, b),
    };
    if (look.json) look.output.write(`${JSON.stringify(jsonOf(a, b, differences, look.lists))}\n`);
    else writeText(look.output, a, b, differences, look.lists);
    return 0;
  } finally {
    one.close();
    other.close();
  }
}

async function registersOf(one: StoredCheckpoint, other: StoredCheckpoint): Promise<RegisterDifference[]> {
  const [a, b] = [stateFromSections(await one.sections()), stateFromSections(await other.sections())];
  const differences: RegisterDifference[] = [];
  for (let hart = 0; hart < Math.max(a.harts.length, b.harts.length); hart++) {
    const [ofA, ofB] = [a.harts[hart], b.harts[hart]].map((block) => block && readHart(block).registers);
    for (const name of (ofA ?? ofB)?.keys() ?? []) {
      const [x, y] = [ofA?.get(name), ofB?.get(name)];
      if (x !== y) differences.push({ hart, name, a: hexOrNull(x), b: hexOrNull(y) });
    }
  }
  return differences;
}

const hexOrNull = (value: bigint | undefined): string | null => (value === undefined ? null : hex(value));

/** Names of the devices whose state differs. What is equal is kept once, so its reference tells. */
function devicesOf(one: StoredCheckpoint, other: StoredCheckpoint): string[] {
  const blobs = (checkpoint: StoredCheckpoint): Map<string, number> =>
    new Map(checkpoint.manifest.sections.map(({ name, blob }) => [name, blob]));
  const [a, b] = [blobs(one), blobs(other)];
  const names = [...new Set([...a.keys(), ...b.keys()])];
  return names.filter((name) => !/^(machine|recording|hart\d+)$/u.test(name) && a.get(name) !== b.get(name));
}

async function rangesOf(one: StoredPages, other: StoredPages): Promise<Range[]> {
  const numbers: number[] = [];
  for await (const number of one.differences(other)) numbers.push(number);
  return joined(numbers);
}

/** Neighbours as ranges, of rising numbers. */
function joined(numbers: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && last.first + last.count === number) last.count++;
    else ranges.push({ first: number, count: 1 });
  }
  return ranges;
}

/** What lies over the base images: in the store, or in layers beside it. */
async function disksOf(
  archive: DiskArchive,
  a: CheckpointSummary,
  b: CheckpointSummary,
): Promise<Differences['disks']> {
  const [hashesOfA, hashesOfB] = [await hashesOf(archive, a.id), await hashesOf(archive, b.id)];
  return hashesOfA.slice(0, hashesOfB.length).map(({ path, hashes: before }, index) => {
    const after = hashesOfB[index]?.hashes ?? before;
    const numbers = [...new Set([...before.keys(), ...after.keys()])].sort((x, y) => x - y);
    return { path, blocks: joined(numbers.filter((number) => before.get(number) !== after.get(number))) };
  });
}

async function hashesOf(
  archive: DiskArchive,
  id: string,
): Promise<{ readonly path: string; readonly hashes: ReadonlyMap<number, bigint> }[]> {
  const loaded = await archive.load(id);
  try {
    return await Promise.all(
      loaded.disks.map(async (disk) => ({
        path: disk.pointer.path,
        hashes: await archive.blockHashes(disk),
      })),
    );
  } finally {
    loaded.close();
  }
}

const countOf = (ranges: readonly Range[]): number => ranges.reduce((sum, { count }) => sum + count, 0);
const address = (page: number): string => `0x${(RAM_BASE + page * PAGE_BYTES).toString(16)}`;

function jsonOf(
  a: CheckpointSummary,
  b: CheckpointSummary,
  differences: Differences,
  lists: boolean,
): object {
  const head = ({ id, name, instret }: CheckpointSummary): object => ({ id, name, instret });
  const pages = differences.pages.map(({ first, count }) => ({ address: address(first), pages: count }));
  return {
    a: head(a),
    b: head(b),
    registers: differences.registers,
    devices: differences.devices,
    pages: { count: countOf(differences.pages), ...(lists ? { ranges: pages } : {}) },
    disks: differences.disks.map(({ path, blocks }) => {
      const ranges = blocks.map(({ first, count }) => ({ offset: first * PAGE_BYTES, blocks: count }));
      return { path, count: countOf(blocks), ...(lists ? { ranges } : {}) };
    }),
  };
}

function writeText(
  output: Output,
  a: CheckpointSummary,
  b: CheckpointSummary,
  { registers, devices, pages, disks }: Differences,
  lists: boolean,
): void {
  const say = (line: string): void => output.write(`${line}\n`);
  const apart = formatInstret(Math.abs(b.instret - a.instret));
  const order =
    b.instret === a.instret
      ? 'the same instruction'
      : `${apart} ${b.instret > a.instret ? 'later' : 'earlier'}`;
  say(`instruction ${formatInstret(a.instret)} and ${formatInstret(b.instret)}: ${order}`);
  const nameWidth = Math.max(...registers.map(({ name }) => name.length), 0);
  for (const { hart, name, a: before, b: after } of registers) {
    say(`hart ${hart}  ${name.padEnd(nameWidth)}  ${before ?? '-'}  ${after ?? '-'}`);
  }
  if (registers.length === 0) say('no register differs');
  say(
    devices.length === 0
      ? 'no device differs'
      : `devices that differ: ${devices.flatMap(plainLines).join(', ')}`,
  );
  say(`pages that differ: ${countOf(pages)}`);
  if (lists) for (const { first, count } of pages) say(`  ${address(first)}  ${count}`);
  for (const [disk, { blocks }] of disks.entries()) {
    say(`blocks of disk ${disk} that differ: ${countOf(blocks)}`);
    if (lists) for (const { first, count } of blocks) say(`  ${first * PAGE_BYTES}  ${count}`);
  }
}
