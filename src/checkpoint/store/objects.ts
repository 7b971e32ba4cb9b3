/**
 * Objects: contents of up to 32 KiB, kept once however often they are put. What refers to them are ids (see table.ts);
 * larger contents (blobs) are an object that lists others.
 */
import { defined, invariant } from '../../base/errors';
import { MAX_OBJECT_BYTES } from './codec';
import type { Core } from './core';
import { storeDamaged } from './errors';

/** What a save that is under way refers to. */
export class Held {
  /** Objects that are not committed; each counts once for this save. */
  readonly fresh = new Set<number>();
  /** Objects other than pages. */
  readonly parts = new Set<number>();
  /** Stored bytes of what was not in the store before. */
  addedBytes = 0;
}

/** Puts an object and returns its id. Throws 'STORE_FULL', 'STORE_IO'. */
export function putObject(core: Core, content: Uint8Array, held: Held): number {
  invariant(content.length > 0, 'an object has content');
  core.codec.load(content);
  const id = putLoaded(core, content.length, held);
  held.parts.add(id);
  return id;
}

/** The same for a page that the codec has loaded; who puts it remembers its id. */
export function putLoaded(core: Core, contentBytes: number, held: Held): number {
  const { table, log } = core.state;
  if (log.failed) throw log.failed;
  const hash = core.codec.hash();
  const known = table.find(hash);
  if (known !== undefined) {
    if (core.fresh.has(known)) hold(core, known, held);
    core.onUse?.(known);
    return known;
  }
  const kept = hash.slice();
  const { coding, bytes } = core.codec.compress();
  const place = log.append(bytes, core.reserve);
  const id = table.add(kept, { ...place, coding, storedBytes: bytes.length, contentBytes });
  held.addedBytes += bytes.length;
  core.fresh.set(id, 0);
  hold(core, id, held);
  core.onUse?.(id);
  return id;
}

function hold(core: Core, id: number, { fresh: held }: Held): void {
  if (held.has(id)) return;
  held.add(id);
  core.fresh.set(id, (core.fresh.get(id) ?? 0) + 1);
}

/** A save is over: what only it held is gone, or belongs to its checkpoint. */
export function letGo(core: Core, held: Held, committed: boolean): void {
  for (const id of held.fresh) {
    const count = core.fresh.get(id);
    if (count === undefined) continue;
    if (committed) core.fresh.delete(id);
    else if (count > 1) core.fresh.set(id, count - 1);
    else {
      core.fresh.delete(id);
      freeObject(core, id);
    }
  }
  held.fresh.clear();
}

export function freeObject(core: Core, id: number): void {
  const { table, log } = core.state;
  const entry = defined(table.entry(id));
  log.release(entry, entry.storedBytes);
  table.remove(id);
}

/** The content. Throws 'STORE_DAMAGED', 'STORE_IO'. */
export async function getObject(core: Core, id: number): Promise<Uint8Array> {
  core.checkOpen();
  // Between looking up and reading, the object may be moved and its old place be used again.
  for (let attempt = 0; ; attempt++) {
    const { table, log } = core.state;
    if (!(await table.ensure(id))) throw storeDamaged('The table of the store');
    const entry = table.entry(id);
    if (!entry) throw storeDamaged('A reference in the store');
    if (entry.segment >= log.segments || entry.offset + entry.storedBytes > log.layout.segmentBytes) {
      throw storeDamaged('The table of the store');
    }
    const hash = table.hash(id).slice();
    const bytes = await log.read(entry, entry.storedBytes, attempt > 0);
    try {
      return core.codec.restore(entry.coding, bytes, entry.contentBytes, hash);
    } catch (error) {
      if (attempt >= 2) throw error;
    }
  }
}

// --- blobs: a byte that says which, then the bytes themselves or the ids of the pieces

const WHOLE = 0;
const PIECES = 1;

export function putBlob(core: Core, bytes: Uint8Array, held: Held): number {
  if (bytes.length < MAX_OBJECT_BYTES) return putObject(core, tagged(WHOLE, bytes), held);
  const count = Math.ceil(bytes.length / MAX_OBJECT_BYTES);
  const list = new Uint8Array(4 * count);
  const view = new DataView(list.buffer);
  for (let i = 0; i < count; i++) {
    const piece = bytes.subarray(i * MAX_OBJECT_BYTES, (i + 1) * MAX_OBJECT_BYTES);
    view.setUint32(4 * i, putObject(core, piece, held), true);
  }
  invariant(list.length < MAX_OBJECT_BYTES, 'a blob is smaller than 256 MiB');
  return putObject(core, tagged(PIECES, list), held);
}

export async function getBlob(core: Core, id: number): Promise<Uint8Array> {
  const object = await getObject(core, id);
  if (object[0] === WHOLE) return object.subarray(1);
  const pieces: Uint8Array[] = [];
  for (const piece of pieceIds(object)) pieces.push(await getObject(core, piece));
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The ids of a blob's pieces, given its object. */
export function pieceIds(object: Uint8Array): number[] {
  if (object[0] !== PIECES) return [];
  return idsIn(object.slice(1));
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const object = new Uint8Array(1 + bytes.length);
  object[0] = tag;
  object.set(bytes, 1);
  return object;
}

/** Little-endian 32-bit numbers. */
export function idsIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getUint32(4 * i, true));
}
