/**
 * A disk whose writes stay in memory, over a base image that is only read. Checkpoints freeze it in O(1) (I3, I5).
 * Frozen contents can be written to a file meanwhile, and their blocks then leave memory (CowContents.changes, settle).
 *
 * A request first fetches what it needs of the base, on the host's time (`begin`); it takes effect all at once, in
 * `complete`, on what the layers hold then. So two pending requests for the same block cannot lose each other's data
 * (rows S13, S14), and a freeze between begin and complete concerns neither: until it completes, a request belongs to
 * whoever saved it as pending. Discards are accepted and do nothing, as QEMU's do by default.
 */
import { defined, invariant } from '../base/errors';
import { Block, BLOCK_BYTES, ZERO_BLOCK, type Home, type View } from './block';
import { CowOperation, type Fetched } from './cow-operation';
import { Layer } from './layer';
import { Eviction } from './eviction';
import type { BaseImage, DiskRequest, DiskResult } from './types';

/** Which blocks were written over the base: in memory, or each with its hash and the home that has it. */
export interface StoredBlocks {
  readonly home?: Home;
  readonly blocks: Iterable<readonly [number, Block]>;
}

export interface CowDiskConfig {
  readonly readOnly?: boolean;
  /** Contents to go on from. */
  readonly stored?: StoredBlocks;
}

/** A range of the base, or of a home. */
interface Wanted {
  readonly image: BaseImage;
  readonly offset: number;
  readonly length: number;
  readonly blocks: ReadonlyMap<number, Block> | undefined;
}

/** Has a range that it may change. */
type Change = Exclude<DiskRequest, { op: 'read' | 'flush' }>;

export class CowDisk {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  private top = new Layer(undefined);
  private readonly view: View = new Map();
  /** Operations of an earlier era were begun before the disk went back, and are void. */
  private era = 0;
  private readonly eviction = new Eviction<CowOperation>();

  constructor(
    private readonly base: BaseImage,
    config: CowDiskConfig = {},
  ) {
    this.sizeBytes = base.sizeBytes;
    this.readOnly = config.readOnly ?? false;
    if (config.stored === undefined) return;
    this.top.fill(config.stored.home, config.stored.blocks);
    this.top.show(this.view);
    this.top = new Layer(this.top);
  }

  /** Stored contents over the same base, as something to go to: thaw. They are no part of this disk's past. */
  adopt({ home, blocks }: StoredBlocks): CowContents {
    const layer = new Layer(undefined);
    layer.fill(home, blocks);
    return new CowContents(this, layer);
  }

  /** Layers under the present one; bounded by the frozen contents that are still held. */
  get depth(): number {
    return this.top.depth;
  }

  /** See DiskPort. The request's data are not copied. */
  begin(request: DiskRequest): CowOperation {
    if ('offset' in request) {
      const length = request.op === 'write' ? request.data.length : request.length;
      const inside = request.offset >= 0 && length >= 0 && request.offset + length <= this.sizeBytes;
      const aligned = request.offset % 512 === 0 && length % 512 === 0;
      invariant(inside && aligned, 'disk requests are whole sectors inside the disk');
    }
    const { era } = this;
    const operation = new CowOperation(
      this.wanted(request).map(({ image, offset, length, blocks }) =>
        image.read(offset, length).then((bytes) => ({ offset, bytes, blocks })),
      ),
      (fetched) => {
        invariant(era === this.era, 'operations begun before a thaw are cancelled');
        return this.apply(request, fetched);
      },
      (ended) => this.eviction.end(ended),
    );
    this.eviction.begin(operation);
    return operation;
  }

  freeze(): CowContents {
    // Without writes since the last one, the same contents are frozen already.
    const parent = this.top.parentLayer;
    if (this.top.isEmpty && parent !== undefined) return new CowContents(this, parent);
    const frozen = new CowContents(this, this.top);
    this.top = new Layer(this.top);
    return frozen;
  }

  /** Goes back to frozen contents of this disk. What was begun and is not complete becomes void. */
  thaw(contents: CowContents): void {
    const layer = contents.layerOf(this);
    this.era++;
    this.eviction.endAll();
    this.top.moveTo(layer, this.view);
    const given = this.top;
    this.top = new Layer(layer);
    this.evict(given.drop());
  }

  /** Hash of the present contents, as CowContents.hash. */
  contentHash(): string {
    return asHex(this.top.hash());
  }

  private apply(request: DiskRequest, fetched: readonly Fetched[]): DiskResult {
    switch (request.op) {
      case 'read':
        return { ok: true, data: this.readNow(request.offset, request.length, fetched) };
      case 'write':
      case 'writeZeroes':
        if (this.readOnly) return { ok: false, error: 'the disk is read-only' };
        this.change(request, fetched);
        return { ok: true };
      case 'flush':
      case 'discard':
        return { ok: true };
    }
  }

  /** For frozen contents of this disk: these blocks are in a file too. */
  evict(blocks: readonly Block[]): void {
    this.eviction.evict(blocks);
  }

  /**
   * Ranges that the request may look at and that are not in memory. What the layers hold now they still hold at
   * completion: then nothing else is looked at.
   */
  private wanted(request: DiskRequest): Wanted[] {
    switch (request.op) {
      case 'flush':
      case 'discard':
        return [];
      case 'read':
        return this.absent(request.offset, request.offset + request.length);
      case 'write':
      case 'writeZeroes': {
        const end = request.offset + changeLength(request);
        const edges = new Set<number>();
        if (request.offset % BLOCK_BYTES !== 0) edges.add(Math.floor(request.offset / BLOCK_BYTES));
        if (end % BLOCK_BYTES !== 0) edges.add(Math.floor(end / BLOCK_BYTES));
        return [...edges].flatMap((block) =>
          this.absent(block * BLOCK_BYTES, Math.min((block + 1) * BLOCK_BYTES, this.sizeBytes)),
        );
      }
    }
  }

  /** For the base and each home, from the first to the last byte that only it has. */
  private absent(start: number, end: number): Wanted[] {
    const ranges = new Map<BaseImage, { offset: number; end: number; blocks: Map<number, Block> }>();
    for (let at = start; at < end; at = blockEnd(at)) {
      const index = Math.floor(at / BLOCK_BYTES);
      const block = this.view.get(index);
      if (block?.bytes !== undefined && !block.isLeaving) continue;
      const image = block === undefined ? this.base : defined(block.home).image;
      let range = ranges.get(image);
      if (range === undefined) ranges.set(image, (range = { offset: at, end: at, blocks: new Map() }));
      range.end = Math.min(blockEnd(at), end);
      if (block !== undefined) range.blocks.set(index, block);
    }
    return [...ranges].map(([image, { offset, end: to, blocks }]) => ({
      ...{ image, offset, length: to - offset },
      blocks: blocks.size === 0 ? undefined : blocks,
    }));
  }

  private readNow(offset: number, length: number, fetched: readonly Fetched[]): Uint8Array {
    const data = new Uint8Array(length);
    const end = offset + length;
    for (let at = offset; at < end; at = blockEnd(at)) {
      const to = Math.min(blockEnd(at), end);
      const block = this.view.get(Math.floor(at / BLOCK_BYTES));
      const within = at % BLOCK_BYTES;
      const bytes = block?.bytes?.subarray(within, within + to - at) ?? bytesOf(fetched, block, at, to);
      data.set(bytes, at - offset);
    }
    return data;
  }

  private change(request: Change, fetched: readonly Fetched[]): void {
    const { offset } = request;
    const end = offset + changeLength(request);
    for (let at = offset; at < end; at = blockEnd(at)) {
      const to = Math.min(blockEnd(at), end);
      const data = request.op === 'write' ? request.data.subarray(at - offset, to - offset) : undefined;
      const index = Math.floor(at / BLOCK_BYTES);
      if (data === undefined && to - at === BLOCK_BYTES) {
        this.top.set(index, ZERO_BLOCK, this.view);
        continue;
      }
      const bytes = this.writable(index, fetched);
      const within = at % BLOCK_BYTES;
      if (data === undefined) bytes.fill(0, within, within + to - at);
      else bytes.set(data, within);
    }
  }

  /** The block's bytes in the topmost layer, filled with what its place holds now (a disk COW fault, row S5). */
  private writable(index: number, fetched: readonly Fetched[]): Uint8Array {
    const own = this.top.own(index);
    if (own !== undefined) {
      this.top.set(index, own, this.view);
      return own.touch();
    }
    const bytes = new Uint8Array(BLOCK_BYTES);
    const start = index * BLOCK_BYTES;
    const present = this.view.get(index);
    const before =
      present?.bytes ?? partOf(fetched, present, start, Math.min(start + BLOCK_BYTES, this.sizeBytes));
    // A block that is written as a whole was not fetched, and its bytes before do not matter.
    if (before !== undefined) bytes.set(before);
    this.top.set(index, new Block(bytes), this.view);
    return bytes;
  }
}

/** Frozen contents of one CowDisk. */
export class CowContents {
  private released = false;

  constructor(
    readonly disk: CowDisk,
    private readonly layer: Layer,
  ) {
    layer.retain();
  }

  get sizeBytes(): number {
    return this.layer.sizeBytes;
  }

  /** Of the written blocks with their places; layers make no difference to it. */
  hash(): string {
    this.checkHeld();
    return asHex(this.layer.hash());
  }

  /** Another reference to the same contents. */
  again(): CowContents {
    this.checkHeld();
    return new CowContents(this.disk, this.layer);
  }

  /** Where these contents are in a file, if they are. */
  get home(): Home | undefined {
    this.checkHeld();
    return this.layer.home;
  }

  /** Of the nearest contents below that are in a file of the caller's. */
  homeBelow(isOwn: (home: Home) => boolean): Home | undefined {
    this.checkHeld();
    return this.layer.homeBelow(isOwn);
  }

  /** What was written over the contents with that home (over the base, where there is none); the homes have its blocks. */
  changes(above: Home | undefined): { blocks: Map<number, Block>; homes: Set<Home> } {
    this.checkHeld();
    return this.layer.changesAbove(above);
  }

  /** The contents are in a file now: the blocks leave memory. */
  settle(home: Home): void {
    this.checkHeld();
    this.disk.evict(this.layer.settle(home));
  }

  /** True when all contents that are still held have these underneath. */
  get isUnderAll(): boolean {
    this.checkHeld();
    return this.layer.isUnderAll;
  }

  release(): void {
    this.checkHeld();
    this.released = true;
    this.disk.evict(this.layer.release());
  }

  /** For the disk itself. */
  layerOf(disk: CowDisk): Layer {
    this.checkHeld();
    invariant(disk === this.disk, 'frozen contents go back to the disk that they are of');
    return this.layer;
  }

  private checkHeld(): void {
    invariant(!this.released, 'frozen contents are not used after their release');
  }
}

/** What was fetched for a block, or of the base: all of [start, end), or nothing. */
function partOf(
  fetched: readonly Fetched[],
  block: Block | undefined,
  start: number,
  end: number,
): Uint8Array | undefined {
  const index = Math.floor(start / BLOCK_BYTES);
  for (const { offset, bytes, blocks } of fetched) {
    const right = block === undefined ? blocks === undefined : blocks?.get(index) === block;
    if (right && offset <= start && end <= offset + bytes.length) {
      return bytes.subarray(start - offset, end - offset);
    }
  }
  return undefined;
}

/** Requests fetch all that they look at when they begin, so it is there. */
const bytesOf = (
  fetched: readonly Fetched[],
  block: Block | undefined,
  start: number,
  end: number,
): Uint8Array => defined(partOf(fetched, block, start, end), 'what a request looks at was fetched');

const changeLength = (request: Change): number =>
  request.op === 'write' ? request.data.length : request.length;
const asHex = (hash: bigint): string => hash.toString(16).padStart(16, '0');
const blockStart = (at: number): number => at - (at % BLOCK_BYTES);
const blockEnd = (at: number): number => blockStart(at) + BLOCK_BYTES;
