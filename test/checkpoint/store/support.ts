/** What the store's tests have in common: checkpoints to save, and a plain model of what must be read back. */
import assert from 'node:assert/strict';
import type { CheckpointInfo, DiskPointer } from '../../../src/checkpoint/store/manifest';
import type { Section, SectionData } from '../../../src/machine/device';
import type { CheckpointStore } from '../../../src/checkpoint/store/store';
import type { StoredPages } from '../../../src/checkpoint/store/stored';
import type { SaveTransaction } from '../../../src/checkpoint/store/transaction';

export const PAGE = 4096;

/** A checkpoint as the tests think of it: page and block contents are numbers (see contentOf). */
export interface Model {
  /** In the sections, never changed. */
  readonly name: string;
  /** What the checkpoint is called, if it was renamed. */
  readonly title?: string;
  readonly pages: ReadonlyMap<number, number>;
  readonly blocks: ReadonlyMap<number, number>;
}

/** 0 is a page of zeroes; even numbers compress well, odd ones do not. */
export function contentOf(number: number): Uint8Array {
  let page = contents.get(number);
  if (!page) contents.set(number, (page = makeContent(number)));
  return page;
}

const contents = new Map<number, Uint8Array>();

function makeContent(number: number): Uint8Array {
  const page = new Uint8Array(PAGE);
  if (number === 0) return page;
  let state = number * 0x9e37_79b1;
  for (let i = 0; i < PAGE; i++) {
    if (number % 2 === 1 || i % 16 === 0) state = Math.imul(state ^ (state >>> 13), 0x5bd1_e995) + i;
    page[i] = state >>> 24;
  }
  page[0] = 1;
  return page;
}

export const infoOf = (name: string, extra: Partial<CheckpointInfo> = {}): CheckpointInfo => ({
  name,
  notes: '',
  automatic: false,
  savedAt: 1_700_000_000_000,
  instret: 123_456_789_012,
  stopMicroseconds: 77,
  ramBytes: 1 << 27,
  consoleTail: 'login: ',
  guest: { program: '/guest.elf', hash: new Uint8Array([1, 2, 3]), harts: 2 },
  ...extra,
});

export const sectionsOf = (name: string): Section[] => [
  { name: 'uart0', version: 2, data: { fifo: new Uint8Array([1, 2]), line: true, count: -5n, name } },
  { name: 'plic', version: 1, data: [1, 2.5, null, 'ä', { nested: [2n ** 70n] }] as SectionData },
];

export const pointer: DiskPointer = {
  path: 'disk.img',
  format: 'qcow2',
  sizeBytes: 1 << 30,
  contentHash: '0123456789abcdef',
};

export async function begin(
  store: CheckpointStore,
  model: Model,
  like?: { id: string; model: Model },
): Promise<SaveTransaction> {
  const transaction = await store.begin({
    info: infoOf(model.name),
    sections: sectionsOf(model.name),
    disks: [pointer],
    ...(like ? { like: like.id } : {}),
  });
  try {
    await putAll(transaction, model, like?.model);
    return transaction;
  } catch (error) {
    transaction.abort();
    throw error;
  }
}

async function putAll(transaction: SaveTransaction, model: Model, before: Model | undefined): Promise<void> {
  let count = 0;
  const flow = async (): Promise<void> => {
    if (++count % 64 === 0) await transaction.flow();
  };
  for (const [page, content] of model.pages) {
    if (before?.pages.get(page) !== content) transaction.putPage(page, contentOf(content));
    await flow();
  }
  for (const page of before?.pages.keys() ?? []) {
    if (!model.pages.has(page)) transaction.putPage(page, contentOf(0));
  }
  for (const [block, content] of model.blocks) {
    if (before?.blocks.get(block) !== content) transaction.putDiskBlock(0, block, contentOf(content));
    await flow();
  }
}

export async function save(
  store: CheckpointStore,
  model: Model,
  like?: { id: string; model: Model },
): Promise<string> {
  const transaction = await begin(store, model, like);
  try {
    await transaction.flow();
    return (await transaction.commit()).id;
  } catch (error) {
    transaction.abort();
    throw error;
  }
}

/** A checkpoint is exactly what was saved. */
export async function assertHolds(store: CheckpointStore, id: string, model: Model): Promise<void> {
  const checkpoint = await store.read(id);
  try {
    assert.equal(checkpoint.summary.name, model.title ?? model.name);
    assert.equal(checkpoint.summary.damaged, false);
    assert.deepEqual(await checkpoint.sections(), sectionsOf(model.name));
    const nonZero = new Map([...model.pages].filter(([, content]) => content !== 0));
    await assertPages(checkpoint.ram, nonZero);
    const [disk] = checkpoint.disks;
    assert.ok(disk);
    assert.deepEqual(disk.pointer, pointer);
    await assertPages(disk.blocks, model.blocks);
  } finally {
    checkpoint.close();
  }
}

async function assertPages(pages: StoredPages, expected: ReadonlyMap<number, number>): Promise<void> {
  const numbers: number[] = [];
  for await (const number of pages.numbers()) numbers.push(number);
  assert.deepEqual(
    numbers,
    [...expected.keys()].sort((a, b) => a - b),
  );
  for (const [number, content] of expected) {
    const bytes = await pages.read(number);
    assert.ok(bytes && Buffer.compare(bytes, contentOf(content)) === 0, `page ${number} is right`);
  }
}

/** The store lists exactly these, and each is whole. */
export async function assertStore(store: CheckpointStore, models: ReadonlyMap<string, Model>): Promise<void> {
  assert.deepEqual(
    store.list().map(({ id, name }) => [id, name]),
    [...models].map(([id, { name, title }]) => [id, title ?? name]),
  );
  for (const [id, model] of models) {
    assert.deepEqual((await store.verify(id)).problems, []);
    await assertHolds(store, id, model);
  }
}
