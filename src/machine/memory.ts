/**
 * The linear memory of a machine from TypeScript: views, page frames, frozen page tables.
 *
 * A page table is frozen by copying its directory (one cell for 4 MiB) and beginning a new epoch; frames and leaves of
 * older epochs are never written (I3). Frozen tables and the living one form a tree in which each frame is referenced
 * by a connected set of nodes (a page that has been replaced does not come back further down). So a table's frames are
 * free when neither its parent nor a child has them in the same place, and nothing needs reference counts.
 */
import { invariant, userError } from '../base/errors';
import { AbsentPages, isAbsent, type PageSource } from './absent';
import {
  FRAME_EPOCH,
  FRAME_SLOT,
  FREE_STACK,
  G,
  HART_TLB_BYTES,
  MAX_HARTS,
  MAX_RAM_PAGES,
  PAGE,
  RAM_BASE,
  SLOT_FRAME,
  TLB_BASE,
  ZERO_FRAME,
  ZERO_LEAF,
} from './layout';
import { TABLE_PAGES, type EngineExports } from './engine/module';

/** A frozen page table: the frame of each leaf. Opaque to others; owned by one checkpoint. */
export interface PageTable {
  readonly directory: Uint32Array;
  /** Frames allocated between the freeze before and this one. */
  readonly freshFrames: number;
}

/** WebAssembly pages by which the frames' area grows: 16 MiB. */
const GROWTH = 256;
const FRAMES_PER_GROWTH = (GROWTH * 65536) / PAGE;

export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  /** Views of all of the memory; replaced when it grows, so never keep one across a call into the engine. */
  dv!: DataView;
  u8!: Uint8Array;
  u32!: Uint32Array;

  constructor() {
    try {
      this.memory = new WebAssembly.Memory({ initial: TABLE_PAGES + 1, maximum: 65536, shared: true });
    } catch (error) {
      throw userError(
        'HOST_MEMORY',
        'The host cannot reserve 4 GiB of address space for a guest: end other sessions and try again.',
        error,
      );
    }
    this.refresh();
  }

  private refresh(): void {
    const { buffer } = this.memory;
    this.dv = new DataView(buffer);
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
  }

  grow(pages: number): number {
    let before: number;
    try {
      before = this.memory.grow(pages);
    } catch (error) {
      throw userError(
        'GUEST_MEMORY_EXHAUSTED',
        'The guest and its checkpoints need more than 4 GiB: give the guest less RAM or delete checkpoints.',
        error,
      );
    }
    this.refresh();
    return before;
  }

  get32(address: number): number {
    return this.dv.getUint32(address, true);
  }
  set32(address: number, value: number): void {
    this.dv.setUint32(address, value, true);
  }
  get64(address: number): bigint {
    return this.dv.getBigUint64(address, true);
  }
  set64(address: number, value: bigint): void {
    this.dv.setBigUint64(address, BigInt.asUintN(64, value), true);
  }
  /** A 64-bit cell that holds a count below 2^53. */
  getCount(address: number): number {
    return this.dv.getUint32(address + 4, true) * 0x1_0000_0000 + this.dv.getUint32(address, true);
  }
  setCount(address: number, value: number): void {
    this.dv.setUint32(address, value % 0x1_0000_0000, true);
    this.dv.setInt32(address + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}

/** A plain loop: `every` calls a function for each byte, which a launch would wait for. */
function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false;
  return true;
}

export class GuestMemory {
  private framesTotal = 0;
  private framesAtFreeze = 0;
  /** The frozen table that the living one descends from. */
  private parent: Uint32Array | undefined;
  /** Directories of the frozen tables. */
  private readonly frozen = new Set<Uint32Array>();
  private readonly absent: AbsentPages;

  constructor(
    readonly linear: LinearMemory,
    readonly ramBytes: number,
    private readonly engine: () => EngineExports,
    /** The slot's decoded records are about to be those of other code. */
    private readonly onSlotFreed: (slot: number) => void,
  ) {
    invariant(
      ramBytes % PAGE === 0 && ramBytes > 0 && ramBytes / PAGE <= MAX_RAM_PAGES,
      'RAM size is in range',
    );
    this.absent = new AbsentPages({
      linear,
      frozen: this.frozen,
      living: () => this.directory(),
      moreFrames: () => {
        this.moreFrames();
      },
      freeFrame: (frame) => {
        this.freeFrame(frame);
      },
    });
    const { u8 } = linear;
    u8.fill(0xff, TLB_BASE, TLB_BASE + MAX_HARTS * HART_TLB_BYTES);
    linear.set32(G.ramPages, ramBytes / PAGE);
    linear.set32(G.epoch, 1);
    // The page after the tables holds the zero page and the zero leaf; epoch 0: never writable.
    for (let page = 0; page < 1024; page++) linear.set32(ZERO_LEAF * PAGE + 4 * page, ZERO_FRAME);
    for (let leaf = 0; leaf < MAX_RAM_PAGES / 1024; leaf++) linear.set32(G.directory + 4 * leaf, ZERO_LEAF);
    this.addFrames(ZERO_LEAF + 1, ZERO_FRAME + 16);
  }

  // --- frames

  /** Called by the engine when no frame is free. */
  moreFrames(): void {
    const before = this.linear.grow(GROWTH);
    const first = (before * 65536) / PAGE;
    this.addFrames(first, first + FRAMES_PER_GROWTH);
  }

  private addFrames(first: number, end: number): void {
    const { linear } = this;
    let free = linear.get32(G.freeFrames);
    // The stack is emptied from its top: low frames first.
    for (let frame = end - 1; frame >= first; frame--) linear.set32(FREE_STACK + 4 * free++, frame);
    linear.set32(G.freeFrames, free);
    this.framesTotal += end - first;
  }

  private freeFrame(frame: number): void {
    const { linear } = this;
    const slot = linear.get32(FRAME_SLOT + 4 * frame);
    if (slot !== 0) {
      this.onSlotFreed(slot);
      linear.set32(SLOT_FRAME + 4 * slot, 0);
      linear.set32(FRAME_SLOT + 4 * frame, 0);
    }
    linear.set32(FRAME_EPOCH + 4 * frame, 0);
    const free = linear.get32(G.freeFrames);
    linear.set32(FREE_STACK + 4 * free, frame);
    linear.set32(G.freeFrames, free + 1);
  }

  /** Frames in use by the guest and all frozen tables, leaves included. */
  get framesInUse(): number {
    return this.framesTotal - this.linear.get32(G.freeFrames);
  }

  // --- pages that lie in a saved checkpoint

  /**
   * A frozen table whose pages all come from `source`, each when it is first touched: O(directory). Descends from no other.
   * `source` is its number in absent cells (see absent.ts).
   */
  attach(source: PageSource): { readonly pages: PageTable; readonly source: number } {
    const { directory, source: number } = this.absent.attach(source);
    this.frozen.add(directory);
    return { pages: { directory, freshFrames: 0 }, source: number };
  }

  /** Gives up sources that no table needs any longer; their numbers. O(all tables): not for every move. */
  detachUnused(): readonly number[] {
    return this.absent.detachUnused();
  }

  /** Import `pageIn` of the engine. */
  pageIn(page: number): number {
    return this.absent.pageIn(page);
  }

  // --- freezing

  private directory(): Uint32Array {
    const start = G.directory / 4;
    return this.linear.u32.subarray(start, start + MAX_RAM_PAGES / 1024);
  }

  /** Freezes the present contents: O(directory). Writers must lose their TLB entries after it (see Machine). */
  freeze(): PageTable {
    const directory = this.directory().slice();
    this.linear.set32(G.epoch, this.linear.get32(G.epoch) + 1);
    const inUse = this.framesInUse;
    const table = { directory, freshFrames: Math.max(0, inUse - this.framesAtFreeze) };
    this.framesAtFreeze = inUse;
    this.parent = directory;
    this.frozen.add(directory);
    return table;
  }

  /** The present contents are dropped and those of `table` become present. */
  thaw(table: PageTable): void {
    const living = this.directory();
    this.freeUnshared(living, this.parent ? [this.parent] : []);
    this.directory().set(table.directory);
    this.linear.set32(G.epoch, this.linear.get32(G.epoch) + 1);
    this.parent = table.directory;
    this.framesAtFreeze = this.framesInUse;
  }

  /** All RAM reads as zero again; frozen tables keep theirs. */
  clear(): void {
    this.freeUnshared(this.directory(), this.parent ? [this.parent] : []);
    this.directory().fill(ZERO_LEAF);
  }

  /**
   * Frees what only `table` holds. `children` are the frozen tables that descend from it; the living one is considered
   * where it does. One at most, of all these, may descend from it: it then descends from `parent`.
   */
  release(table: PageTable, parent: PageTable | undefined, children: readonly PageTable[]): void {
    const ofLiving = this.parent === table.directory;
    invariant(
      children.length + (ofLiving ? 1 : 0) <= 1,
      'what descends from a table could share frames without it',
    );
    const neighbours = children.map((child) => child.directory);
    if (parent) neighbours.push(parent.directory);
    if (ofLiving) neighbours.push(this.directory());
    this.frozen.delete(table.directory);
    this.freeUnshared(table.directory, neighbours);
    if (ofLiving) {
      this.parent = parent?.directory;
      this.adopt();
    }
  }

  /**
   * What the living table does not share with its parent is its own now, though made in an older epoch: it is written in
   * place from here on. (Copied, the old frame would be nobody's.)
   */
  private adopt(): void {
    const { linear } = this;
    const epoch = linear.get32(G.epoch);
    const own = (frame: number): void => {
      linear.set32(FRAME_EPOCH + 4 * frame, epoch);
    };
    this.directory().forEach((leaf, index) => {
      const inherited = this.parent?.[index];
      if (leaf === ZERO_LEAF || leaf === inherited || this.absent.isTemplate(leaf)) return;
      own(leaf);
      for (let page = 0; page < 1024; page++) {
        const frame = linear.get32(leaf * PAGE + 4 * page);
        if (frame === ZERO_FRAME || isAbsent(frame)) continue;
        if (inherited === undefined || linear.get32(inherited * PAGE + 4 * page) !== frame) own(frame);
      }
    });
  }

  private freeUnshared(directory: Uint32Array, neighbours: readonly Uint32Array[]): void {
    for (let index = 0; index < directory.length; index++) {
      const leaf = directory[index];
      if (leaf === undefined || leaf === ZERO_LEAF || this.absent.isTemplate(leaf)) continue;
      const others = neighbours.flatMap((neighbour) => neighbour[index] ?? []);
      if (others.includes(leaf)) continue;
      this.freeUnsharedPages(leaf, others);
      this.freeFrame(leaf);
    }
  }

  /** Plain loops over words: each thinned checkpoint comes through here, while the guest waits. */
  private freeUnsharedPages(leaf: number, others: readonly number[]): void {
    const { u32 } = this.linear;
    const LEAF_CELLS = PAGE / 4;
    for (let page = 0; page < LEAF_CELLS; page++) {
      const frame = u32[leaf * LEAF_CELLS + page] ?? ZERO_FRAME;
      if (frame === ZERO_FRAME || isAbsent(frame)) continue;
      let isShared = false;
      for (const other of others) isShared ||= u32[other * LEAF_CELLS + page] === frame;
      if (!isShared) this.freeFrame(frame);
    }
  }

  // --- contents by physical address

  /** Whether all of [address, address + size) is RAM. */
  contains(address: number, sizeBytes: number): boolean {
    return address >= RAM_BASE && sizeBytes >= 0 && address + sizeBytes <= RAM_BASE + this.ramBytes;
  }

  /** Copies RAM out. The range must be RAM. */
  read(address: number, sizeBytes: number): Uint8Array {
    invariant(this.contains(address, sizeBytes), 'range is RAM');
    const out = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const offset = (address + done) % PAGE;
      const count = Math.min(PAGE - offset, sizeBytes - done);
      const start = this.frameOfPage((address + done - RAM_BASE - offset) / PAGE) * PAGE + offset;
      out.set(this.linear.u8.subarray(start, start + count), done);
      done += count;
    }
    return out;
  }

  private frameOfPage(page: number): number {
    const leaf = this.linear.get32(G.directory + 4 * (page >> 10));
    const cell = this.linear.get32(leaf * PAGE + 4 * (page & 1023));
    return isAbsent(cell) ? this.pageIn(page) : cell;
  }

  /** Copies into RAM, with copy-on-write; decoded records follow. The range must be RAM. */
  write(address: number, bytes: Uint8Array): void {
    invariant(this.contains(address, bytes.length), 'range is RAM');
    const engine = this.engine();
    let done = 0;
    while (done < bytes.length) {
      const offset = (address + done) % PAGE;
      const count = Math.min(PAGE - offset, bytes.length - done);
      const page = (address + done - RAM_BASE - offset) / PAGE;
      const chunk = bytes.subarray(done, done + count);
      done += count;
      // Zeros into a page that is zero anyway would cost a frame.
      if (this.frameOfPage(page) === ZERO_FRAME && isZero(chunk)) continue;
      const frame = engine.writableFrame(page);
      engine.forgetRecords(frame, offset, count);
      this.linear.u8.set(chunk, frame * PAGE + offset);
    }
  }

  // --- ROM

  /** Puts bytes at 0x1000.. (at most 60 KiB), as read-only frames. Once, before the first run. */
  setRom(bytes: Uint8Array): void {
    invariant(bytes.length <= 0xf000, 'ROM fits');
    for (let page = 0; page < 15; page++) {
      const chunk = bytes.subarray(page * PAGE, (page + 1) * PAGE);
      let frame = ZERO_FRAME;
      if (chunk.length > 0) {
        if (this.linear.get32(G.freeFrames) === 0) this.moreFrames();
        const free = this.linear.get32(G.freeFrames) - 1;
        this.linear.set32(G.freeFrames, free);
        frame = this.linear.get32(FREE_STACK + 4 * free);
        this.linear.u8.fill(0, frame * PAGE, (frame + 1) * PAGE);
        this.linear.u8.set(chunk, frame * PAGE);
      }
      this.linear.set32(G.rom + 4 * page, frame);
    }
  }
}
