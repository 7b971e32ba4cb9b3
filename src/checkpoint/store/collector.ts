/**
 * Gives space back: finds the objects that nobody needs (mark and sweep, with saves going on meanwhile), and moves what is
 * left in nearly empty segments together, so that whole segments become free. Between any two steps the store is whole;
 * every step that frees something is a commit.
 */
import { UserError } from '../../base/errors';
import type { Core } from './core';
import { decodeManifest, type Manifest } from './manifest';
import { freeObject, getBlob, getObject, pieceIds } from './objects';
import { readLeaf, type MapRoot } from './page-map';
import { ABSENT, ZERO } from './table';

/** What keeps objects alive besides the listed checkpoints. */
export interface Roots {
  manifests(): Iterable<Manifest>;
  ids(): Iterable<number>;
}

/** Objects swept, or bytes looked at, before others get their turn. */
const BATCH = 8192;

class IdSet {
  private bits = new Uint8Array(4096);

  add(id: number): void {
    if (id === ABSENT || id === ZERO) return;
    if (id >>> 3 >= this.bits.length) {
      const larger = new Uint8Array(Math.max(2 * this.bits.length, (id >>> 3) + 1));
      larger.set(this.bits);
      this.bits = larger;
    }
    this.bits[id >>> 3] = (this.bits[id >>> 3] ?? 0) | (1 << (id & 7));
  }

  has(id: number): boolean {
    return ((this.bits[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }
}

/** Frees the objects that nobody needs, and makes that durable. Returns their number. */
export async function sweep(core: Core, roots: Roots, pause: () => Promise<void>): Promise<number> {
  await core.ready();
  const { epoch } = core;
  const marks = new IdSet();
  // From now on whatever a save puts or finds is needed, too.
  core.onUse = (id) => marks.add(id);
  let freed = 0;
  try {
    await mark(core, roots, marks, pause);
    let looked = 0;
    for (const id of core.state.table.ids()) {
      if (!marks.has(id) && !core.fresh.has(id)) {
        freeObject(core, id);
        freed++;
      }
      if (++looked % BATCH !== 0) continue;
      await pause();
      if (epoch !== core.epoch) return 0;
    }
  } finally {
    if (epoch === core.epoch) core.onUse = undefined;
  }
  const { state } = core;
  if (freed === 0 && !state.leftovers) return 0;
  await core.commit(() => (core.state.leftovers = false), { urgent: true });
  return freed;
}

async function mark(core: Core, roots: Roots, marks: IdSet, pause: () => Promise<void>): Promise<void> {
  const marker = new Marker(core, marks, pause);
  for (const id of roots.ids()) marks.add(id);
  for (const manifest of [...roots.manifests()]) await marker.manifest(manifest);
  for (const { summary, manifest } of core.state.listed) {
    await marker.blob(summary);
    await marker.blob(manifest);
    const known = await readable(async () => decodeManifest(await getBlob(core, manifest)));
    if (known) await marker.manifest(known);
  }
}

class Marker {
  private readonly leaves = new Set<number>();

  constructor(
    private readonly core: Core,
    private readonly marks: IdSet,
    private readonly pause: () => Promise<void>,
  ) {}

  async manifest(manifest: Manifest): Promise<void> {
    for (const { blob } of manifest.sections) await this.blob(blob);
    await this.map(manifest.ram);
    for (const { blocks } of manifest.disks) await this.map(blocks);
  }

  async blob(id: number): Promise<void> {
    this.marks.add(id);
    const object = await readable(() => getObject(this.core, id));
    for (const piece of object ? pieceIds(object) : []) this.marks.add(piece);
  }

  private async map(root: MapRoot): Promise<void> {
    for (const id of root.values()) {
      if (this.leaves.has(id)) continue;
      this.leaves.add(id);
      this.marks.add(id);
      const leaf = await readable(() => readLeaf(this.core, id));
      leaf?.forEach((page) => this.marks.add(page));
      if (this.leaves.size % 16 === 0) await this.pause();
    }
  }
}

/** Undefined for what is damaged: what only it leads to is lost in any case. Other errors go on. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UserError && error.code === 'STORE_DAMAGED') return undefined;
    throw error;
  }
}

/** A segment with less of it in use is emptied. The second is for a store that is nearly full. */
export const SPARSE = 0.5;
export const NOT_QUITE_FULL = 0.9;

/** Segments' worth of bytes moved in one commit. */
const MOVED_AT_ONCE = 4;

/** Moves what is left in sparse segments together. Returns the number of segments that became free. */
export async function compact(core: Core, threshold: number, pause: () => Promise<void>): Promise<number> {
  await core.ready();
  const { epoch } = core;
  const tried = new Set<number>();
  let freed = 0;
  if (core.space.growable) await core.state.log.leaveHighGround();
  for (;;) {
    const victims = choose(core, threshold, tried);
    if (victims.length === 0) return freed;
    for (const segment of victims) tried.add(segment);
    await empty(core, new Set(victims), pause);
    if (epoch !== core.epoch) return freed;
    await core.commit(() => undefined, { urgent: true });
    if (epoch !== core.epoch) return freed;
    freed += victims.filter((segment) => core.state.log.isFree(segment)).length;
  }
}

/** Segments to empty next: the sparsest, or those at a file's end that fit into holes before them. */
function choose(core: Core, threshold: number, tried: ReadonlySet<number>): number[] {
  const { log } = core.state;
  const { segmentBytes } = log.layout;
  const candidates: number[] = [];
  let holes = 0;
  for (let segment = 0; segment < log.segments; segment++) {
    if (log.isFree(segment)) holes++;
    else if (!tried.has(segment) && !log.isOpen(segment) && log.usageOf(segment) > 0)
      candidates.push(segment);
  }
  // What is moved needs room before anything becomes free.
  const room = Math.min(MOVED_AT_ONCE, log.freeSegments() - 1) * segmentBytes;
  const sparse = candidates
    .filter((segment) => log.usageOf(segment) < threshold * segmentBytes)
    .sort((a, b) => log.usageOf(a) - log.usageOf(b));
  const chosen = fitting(core, sparse, room);
  const live = chosen.reduce((sum, segment) => sum + log.usageOf(segment), 0);
  if (chosen.length * segmentBytes - live >= segmentBytes) return chosen;
  if (!core.space.growable || holes < Math.max(2, log.segments / 4)) return [];
  return fitting(core, candidates.reverse(), (Math.min(holes, 2 * MOVED_AT_ONCE) * segmentBytes) / 2);
}

function fitting(core: Core, segments: readonly number[], bytes: number): number[] {
  const chosen: number[] = [];
  let left = bytes;
  for (const segment of segments) {
    left -= core.state.log.usageOf(segment);
    if (left < 0) break;
    chosen.push(segment);
  }
  return chosen;
}

async function empty(core: Core, victims: ReadonlySet<number>, pause: () => Promise<void>): Promise<void> {
  const { epoch, state } = core;
  const { log, table } = state;
  const bySegment = new Map<number, number[]>();
  for (const id of table.ids()) {
    const segment = table.entry(id)?.segment;
    if (segment === undefined || !victims.has(segment)) continue;
    const ids = bySegment.get(segment);
    if (ids) ids.push(id);
    else bySegment.set(segment, [id]);
  }
  table.places.forEach((place, page) => {
    if (place && victims.has(place.segment) && table.isLoaded(page)) table.dirty.add(page);
  });
  for (const [segment, ids] of bySegment) {
    const bytes = await log.readSegment(segment);
    await pause();
    if (epoch !== core.epoch) return;
    for (const id of ids) {
      const entry = table.entry(id);
      // Meanwhile it may be gone, and its id another object's.
      if (entry?.segment !== segment) continue;
      // As it is: what was damaged stays damaged, and is found by its hash.
      const place = log.append(bytes.subarray(entry.offset, entry.offset + entry.storedBytes), 0);
      log.release(entry, entry.storedBytes);
      table.move(id, place);
    }
  }
}
