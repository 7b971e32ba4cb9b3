/**
 * A disk whose writes stay in memory, over a base image that is only read. Checkpoints freeze it in O(1) (I3, I5).
 *
 * A request first fetches what it needs of the base, on the host's time (`begin`); it takes effect all at once, in
 * `complete`, on what the layers hold then. So two pending requests for the same block cannot lose each other's data
 * (rows S13, S14), and a freeze between begin and complete concerns neither: until it completes, a request belongs to
 * whoever saved it as pending. Discards are accepted and do nothing, as QEMU's do by default.
 */
import { invariant, messageOf } from '../base/errors';
import { BLOCK_BYTES, Layer, ZERO_BLOCK, type View } from './layer';
import type { BaseImage, DiskRequest, DiskResult } from './types';

export interface CowDiskConfig {
  readonly readOnly?: boolean;
}

/** Bytes of the base that begin at `offset`. */
interface Fetched {
  readonly offset: number;
  readonly bytes: Uint8Array;
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

  constructor(
    private readonly base: BaseImage,
    config: CowDiskConfig = {},
  ) {
    this.sizeBytes = base.sizeBytes;
    this.readOnly = config.readOnly ?? false;
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
    const needed = this.neededOfBase(request);
    return new CowOperation(
      needed.map(({ offset, length }) => this.base.read(offset, length).then((bytes) => ({ offset, bytes }))),
      (fetched) => {
        invariant(era === this.era, 'operations begun before a thaw are cancelled');
        return this.apply(request, fetched);
      },
    );
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
    this.top.moveTo(layer, this.view);
    const given = this.top;
    this.top = new Layer(layer);
    given.drop();
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

  /**
   * Ranges of the base that the request may look at. What the layers hold now they still hold at completion, so the
   * base is asked for nothing else.
   */
  private neededOfBase(request: DiskRequest): { offset: number; length: number }[] {
    switch (request.op) {
      case 'flush':
      case 'discard':
        return [];
      case 'read':
        return this.missingRange(request.offset, request.offset + request.length);
      case 'write':
      case 'writeZeroes': {
        const end = request.offset + changeLength(request);
        const edges = new Set<number>();
        if (request.offset % BLOCK_BYTES !== 0) edges.add(Math.floor(request.offset / BLOCK_BYTES));
        if (end % BLOCK_BYTES !== 0) edges.add(Math.floor(end / BLOCK_BYTES));
        return [...edges].flatMap((block) =>
          this.missingRange(block * BLOCK_BYTES, Math.min((block + 1) * BLOCK_BYTES, this.sizeBytes)),
        );
      }
    }
  }

  /** From the first to the last byte that no layer holds. */
  private missingRange(start: number, end: number): { offset: number; length: number }[] {
    let from = start;
    let to = end;
    while (from < to && this.view.has(Math.floor(from / BLOCK_BYTES))) from = blockEnd(from);
    while (from < to && this.view.has(Math.floor((to - 1) / BLOCK_BYTES))) to = blockStart(to - 1);
    return from < to ? [{ offset: from, length: to - from }] : [];
  }

  private readNow(offset: number, length: number, fetched: readonly Fetched[]): Uint8Array {
    const data = new Uint8Array(length);
    for (const { offset: at, bytes } of fetched) data.set(bytes, at - offset);
    const end = offset + length;
    for (let at = offset; at < end; at = blockEnd(at)) {
      const block = this.view.get(Math.floor(at / BLOCK_BYTES));
      if (block === undefined) continue;
      const within = at % BLOCK_BYTES;
      data.set(block.subarray(within, Math.min(BLOCK_BYTES, within + end - at)), at - offset);
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
      const block = this.writable(index, fetched);
      const within = at % BLOCK_BYTES;
      if (data === undefined) block.fill(0, within, within + to - at);
      else block.set(data, within);
    }
  }

  /** The block in the topmost layer, filled with what its place holds now (a disk COW fault, row S5). */
  private writable(index: number, fetched: readonly Fetched[]): Uint8Array {
    const own = this.top.own(index);
    if (own !== undefined) {
      this.top.set(index, own, this.view);
      return own;
    }
    const block = this.view.get(index)?.slice() ?? new Uint8Array(BLOCK_BYTES);
    if (!this.view.has(index)) {
      const part = fetched.find(({ offset }) => offset === index * BLOCK_BYTES);
      if (part !== undefined) block.set(part.bytes);
    }
    this.top.set(index, block, this.view);
    return block;
  }
}

/** Frozen contents of one CowDisk. */
export class CowContents {
  private released = false;

  constructor(
    private readonly disk: CowDisk,
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

  release(): void {
    this.checkHeld();
    this.released = true;
    this.layer.release();
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

/** A request that waits for the base; see DiskOperation. */
export class CowOperation {
  private isReady = false;
  private state: 'pending' | 'completed' | 'cancelled' = 'pending';
  private fetched: readonly Fetched[] = [];
  private error: string | undefined;
  private readonly settled: Promise<void>;

  constructor(
    fetches: readonly Promise<Fetched>[],
    private readonly effect: (fetched: readonly Fetched[]) => DiskResult,
  ) {
    this.isReady = fetches.length === 0;
    this.settled = this.isReady
      ? Promise.resolve()
      : Promise.all(fetches).then(
          (fetched) => this.settle(fetched, undefined),
          (error: unknown) => this.settle([], messageOf(error)),
        );
  }

  get ready(): boolean {
    return this.isReady;
  }

  /** Resolves for cancelled operations too; never rejects. */
  whenReady(): Promise<void> {
    return this.settled;
  }

  complete(): DiskResult {
    invariant(this.isReady && this.state === 'pending', 'an operation completes once, when it is ready');
    this.state = 'completed';
    return this.error === undefined ? this.effect(this.fetched) : { ok: false, error: this.error };
  }

  cancel(): void {
    if (this.state === 'pending') this.state = 'cancelled';
  }

  private settle(fetched: readonly Fetched[], error: string | undefined): void {
    this.fetched = fetched;
    this.error = error;
    this.isReady = true;
  }
}

const changeLength = (request: Change): number =>
  request.op === 'write' ? request.data.length : request.length;
const asHex = (hash: bigint): string => hash.toString(16).padStart(16, '0');
const blockStart = (at: number): number => at - (at % BLOCK_BYTES);
const blockEnd = (at: number): number => blockStart(at) + BLOCK_BYTES;
