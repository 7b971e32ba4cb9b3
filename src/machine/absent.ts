/**
 * Pages that still lie elsewhere: in the saved checkpoint that a guest was resumed from. Attaching one costs a few
 * kilobytes, whatever the size of RAM; each page comes into a frame when it is first touched.
 *
 * A leaf cell with bit 31 set is absent, and the rest of it is the number of the source. A leaf of which nothing has
 * come yet is the source's template: one frame that all directory cells of an attached table share.
 *
 * To fetch a page changes no contents, so leaves are filled in place, frozen ones too (I3 is about contents). For the same
 * reason a template is replaced in the living directory and in every frozen one at once: the tables that share a leaf stay
 * connected, on which GuestMemory.release relies. Whoever reads leaves from another thread must know absent cells, and
 * may see a cell go from absent to a frame at any time.
 */
import { defined, invariant } from '../base/errors';
import { FRAME_EPOCH, FRAME_SLOT, FREE_STACK, G, MAX_RAM_PAGES, PAGE, ZERO_FRAME, ZERO_LEAF } from './layout';
import type { LinearMemory } from './memory';

/** Pages of a saved state, for a guest that stands still until it has them. */
export interface PageSource {
  /**
   * Puts pages into frames: page `pages[i]` goes to bytes frames[i] * 4096 of the linear memory. Synchronous. In the
   * result, true where a page is all zero: nothing was written then. What it throws leaves the guest as it was.
   */
  fill(memory: WebAssembly.Memory, pages: readonly number[], frames: readonly number[]): readonly boolean[];
}

/** In a leaf's cell: the page is not in a frame; the other bits are the number of its source. */
export const ABSENT_PAGE = 0x8000_0000;
/** Pages that are fetched together, where they are absent: 256 KiB, aligned. */
const READ_AHEAD = 64;
const LEAF_PAGES = 1024;

export const isAbsent = (cell: number): boolean => cell >= ABSENT_PAGE;

export interface AbsentHost {
  readonly linear: LinearMemory;
  /** The directories of all frozen tables. */
  readonly frozen: ReadonlySet<Uint32Array>;
  living(): Uint32Array;
  /** Makes more frames free. */
  moreFrames(): void;
  freeFrame(frame: number): void;
}

export class AbsentPages {
  /** By number. */
  private readonly sources: (PageSource | undefined)[] = [];
  /** Frame of each source's template. */
  private readonly templates = new Map<number, number>();

  constructor(private readonly host: AbsentHost) {}

  /** A directory of which all pages are the source's, and the source's number. */
  attach(source: PageSource): { readonly directory: Uint32Array; readonly source: number } {
    const { linear } = this.host;
    const number = this.sources.length;
    const [template] = this.takeFrames(this.spareFrames(1), 0);
    const frame = defined(template);
    const first = (frame * PAGE) / 4;
    linear.u32.fill((ABSENT_PAGE | number) >>> 0, first, first + LEAF_PAGES);
    this.sources.push(source);
    this.templates.set(number, frame);
    const directory = new Uint32Array(MAX_RAM_PAGES / LEAF_PAGES).fill(ZERO_LEAF);
    directory.fill(frame, 0, Math.ceil(linear.get32(G.ramPages) / LEAF_PAGES));
    return { directory, source: number };
  }

  isTemplate(leaf: number): boolean {
    for (const template of this.templates.values()) if (template === leaf) return true;
    return false;
  }

  /** Gives up the sources of which no table, living or frozen, has an absent page left; their numbers. */
  detachUnused(): readonly number[] {
    const used = this.sourcesInUse();
    const unused = [...this.templates].filter(([number]) => !used.has(number));
    for (const [number, template] of unused) {
      this.templates.delete(number);
      this.sources[number] = undefined;
      this.host.freeFrame(template);
    }
    return unused.map(([number]) => number);
  }

  private sourcesInUse(): Set<number> {
    const { linear, frozen } = this.host;
    const used = new Set<number>();
    const seen = new Set([ZERO_LEAF]);
    for (const directory of [this.host.living(), ...frozen]) {
      for (const leaf of directory) {
        if (seen.has(leaf)) continue;
        seen.add(leaf);
        // The absent cells of one leaf are all of one source.
        const cells = linear.u32.subarray((leaf * PAGE) / 4, (leaf * PAGE) / 4 + LEAF_PAGES);
        const first = cells.find(isAbsent);
        if (first !== undefined) used.add(first - ABSENT_PAGE);
      }
    }
    return used;
  }

  /**
   * Brings a page of the living table, which must be absent, and its absent neighbours; returns its frame. Throws what
   * the source throws, and 'GUEST_MEMORY_EXHAUSTED'; nothing has changed then.
   */
  pageIn(page: number): number {
    const { linear } = this.host;
    const index = page >>> 10;
    const leaf = defined(this.host.living()[index]);
    const cell = linear.get32(leaf * PAGE + 4 * (page % LEAF_PAGES));
    invariant(isAbsent(cell), 'a page that is fetched is absent');
    const source = defined(this.sources[cell - ABSENT_PAGE], 'the source of an absent page is attached');
    const pages = this.neighbours(page, leaf, cell);
    const isTemplate = this.isTemplate(leaf);
    // The frames stay on the stack until they are filled: an error leaves nothing to undo.
    const free = this.spareFrames(pages.length + (isTemplate ? 1 : 0));
    const zero = source.fill(linear.memory, pages, free.slice(0, pages.length));
    const own = this.isOwn(index, leaf);
    const epoch = own ? linear.get32(G.epoch) : 0;
    const wanted = free.filter((_, at) => at >= pages.length || zero[at] !== true);
    this.takeFrames(wanted, epoch);
    const target = isTemplate ? this.openTemplate(index, leaf, defined(free.at(-1))) : leaf;
    const cells = new Int32Array(linear.memory.buffer, target * PAGE, LEAF_PAGES);
    pages.forEach((each, at) => {
      // Seen by other threads only with the page's bytes.
      Atomics.store(cells, each % LEAF_PAGES, zero[at] === true ? ZERO_FRAME : defined(free[at]));
    });
    return linear.get32(target * PAGE + 4 * (page % LEAF_PAGES));
  }

  /** Absent pages around `page`, itself among them, that come from the same source. */
  private neighbours(page: number, leaf: number, cell: number): number[] {
    const { linear } = this.host;
    const first = page - (page % READ_AHEAD);
    const end = Math.min(first + READ_AHEAD, linear.get32(G.ramPages));
    const pages: number[] = [];
    for (let each = first; each < end; each++) {
      if (linear.get32(leaf * PAGE + 4 * (each % LEAF_PAGES)) === cell) pages.push(each);
    }
    return pages;
  }

  /** Whether no frozen table has the leaf: what comes into it is then the living table's own, and written in place. */
  private isOwn(index: number, leaf: number): boolean {
    const { linear, frozen } = this.host;
    if (!this.isTemplate(leaf)) return linear.get32(FRAME_EPOCH + 4 * leaf) === linear.get32(G.epoch);
    for (const directory of frozen) if (directory[index] === leaf) return false;
    return true;
  }

  /** Puts a leaf of its own in a template's place, in all tables. */
  private openTemplate(index: number, template: number, leaf: number): number {
    const { linear, frozen } = this.host;
    linear.u8.copyWithin(leaf * PAGE, template * PAGE, (template + 1) * PAGE);
    for (const directory of [this.host.living(), ...frozen]) {
      if (directory[index] === template) directory[index] = leaf;
    }
    return leaf;
  }

  /** Free frames, still on the stack. */
  private spareFrames(count: number): number[] {
    const { linear } = this.host;
    if (linear.get32(G.freeFrames) < count) this.host.moreFrames();
    const top = linear.get32(G.freeFrames);
    invariant(top >= count, 'the frames that are added together are more than are fetched together');
    return Array.from({ length: count }, (_, at) => linear.get32(FREE_STACK + 4 * (top - 1 - at)));
  }

  /** Takes these frames, which are among those on top of the stack, off it. */
  private takeFrames(frames: readonly number[], epoch: number): readonly number[] {
    const { linear } = this.host;
    const taken = new Set(frames);
    let top = linear.get32(G.freeFrames);
    const back: number[] = [];
    for (let left = taken.size; left > 0;) {
      const frame = linear.get32(FREE_STACK + 4 * --top);
      if (taken.has(frame)) left--;
      else back.push(frame);
    }
    for (const frame of back.reverse()) linear.set32(FREE_STACK + 4 * top++, frame);
    linear.set32(G.freeFrames, top);
    for (const frame of frames) {
      linear.set32(FRAME_EPOCH + 4 * frame, epoch);
      linear.set32(FRAME_SLOT + 4 * frame, 0);
    }
    return frames;
  }
}
