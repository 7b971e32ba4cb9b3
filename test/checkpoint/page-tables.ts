/** Page tables made by hand, in a linear memory of their own, with the contents of the store's tests. */
import type { FrozenRam } from '../../src/checkpoint/archive';
import { ZERO_FRAME, ZERO_LEAF } from '../../src/machine/layout';
import { contentOf } from './store/support';

const PAGE = 4096;
export const LEAF_PAGES = 1024;
const FRAMES = 3000;
const ABSENT = 0x8000_0000;

/** What is at a page: a content number (0 is zero), or the number of the source that has it. */
export type Cell = number | { readonly source: number };
export type Table = ReadonlyMap<number, Cell>;

/** A linear memory with frames and leaves, never freed. */
export class Frames {
  readonly memory = new WebAssembly.Memory({
    initial: Math.ceil(((ZERO_FRAME + FRAMES) * PAGE) / 65536),
    maximum: Math.ceil(((ZERO_FRAME + FRAMES) * PAGE) / 65536),
    shared: true,
  });
  private next = ZERO_LEAF + 1;
  private readonly byContent = new Map<number, number>();

  constructor(
    /** Size of RAM. */
    private readonly pages: number,
  ) {
    new Uint32Array(this.memory.buffer, ZERO_LEAF * PAGE, LEAF_PAGES).fill(ZERO_FRAME);
  }

  /** The same frame for the same content, unless `fresh`. */
  frame(content: number, fresh = false): number {
    if (content === 0 && !fresh) return ZERO_FRAME;
    const known = this.byContent.get(content);
    if (known !== undefined && !fresh) return known;
    const frame = this.next++;
    new Uint8Array(this.memory.buffer, frame * PAGE, PAGE).set(contentOf(content));
    this.byContent.set(content, frame);
    return frame;
  }

  leaf(cells: (index: number) => number): number {
    const frame = this.next++;
    new Uint32Array(this.memory.buffer, frame * PAGE, LEAF_PAGES).forEach((_, index, all) => {
      all[index] = cells(index);
    });
    return frame;
  }

  /** A page table; leaves that are as in `before` are shared with it. */
  table(table: Table, before?: { readonly table: Table; readonly ram: FrozenRam }): FrozenRam {
    const directory = Uint32Array.from({ length: 512 }, (_, number) => {
      const first = number * LEAF_PAGES;
      const pages = [...table.keys()].filter((page) => page >= first && page < first + LEAF_PAGES);
      if (before && this.isSame(table, before.table, first)) return before.ram.directory[number] ?? 0;
      if (pages.length === 0) return ZERO_LEAF;
      return this.leaf((index) => this.cell(table.get(first + index)));
    });
    return { memory: this.memory, directory, ramBytes: this.pages * PAGE };
  }

  private isSame(table: Table, other: Table, first: number): boolean {
    return Array.from({ length: LEAF_PAGES }, (_, index) => first + index).every(
      (page) => table.get(page) === other.get(page),
    );
  }

  private cell(cell: Cell | undefined): number {
    if (cell === undefined) return ZERO_FRAME;
    return typeof cell === 'number' ? this.frame(cell) : ABSENT + cell.source;
  }
}
