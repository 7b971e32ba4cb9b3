/**
 * Names of a whole file in columns of numbers: the Linux kernel has a million of them, and as objects they would take ten
 * times the memory. Of a name its hash of 64 bits is kept, not its text: what is found is an entry of the file, which says
 * its name itself.
 */

/** How good an entry is: a declaration; a definition of its unit alone; one for all. Types have no linkage: 3. */
export type Rank = 1 | 2 | 3;

/** More names, or more uses of names, than any program has: beyond them nothing is kept. */
const MAX_NAMES = 2 ** 21;
const MAX_USES = 2 ** 23;
const FIRST_SIZE = 256;

/** A hash in two halves, made byte by byte. One object is used for many names, so that none is allocated. */
export class NameHash {
  a = 0;
  b = 0;

  reset(a = 0x811c_9dc5, b = 0x2545_f491): this {
    this.a = a | 0;
    this.b = b | 0;
    return this;
  }

  byte(value: number): void {
    this.a = Math.imul(this.a ^ value, 0x0100_0193);
    const b = Math.imul(this.b + value + 1, 0x9e37_79b1);
    this.b = b ^ (b >>> 15);
  }

  text(text: string): this {
    for (const value of encoder.encode(text)) this.byte(value);
    return this;
  }
}

const encoder = new TextEncoder();

/** Open addressing over rows of 64-bit hashes. */
class Rows {
  count = 0;
  private a = new Int32Array(FIRST_SIZE);
  private b = new Int32Array(FIRST_SIZE);
  /** Row + 1; 0 is empty. Twice as many as rows at least. */
  private slots = new Int32Array(2 * FIRST_SIZE);

  find(a: number, b: number): number {
    return (this.slots[this.slotOf(a, b)] ?? 0) - 1;
  }

  /** -1 when there are too many. */
  enter(a: number, b: number): number {
    const slot = this.slotOf(a, b);
    const known = this.slots[slot] ?? 0;
    if (known > 0) return known - 1;
    if (this.count >= MAX_NAMES) return -1;
    const row = this.count++;
    if (row >= this.a.length) {
      this.a = grown(this.a);
      this.b = grown(this.b);
    }
    this.a[row] = a;
    this.b[row] = b;
    this.slots[slot] = row + 1;
    if (2 * this.count > this.slots.length) this.spread();
    return row;
  }

  private slotOf(a: number, b: number): number {
    const mask = this.slots.length - 1;
    let slot = (a ^ (a >>> 16)) & mask;
    for (;;) {
      const row = (this.slots[slot] ?? 0) - 1;
      if (row < 0 || (this.a[row] === a && this.b[row] === b)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private spread(): void {
    this.slots = new Int32Array(2 * this.slots.length);
    for (let row = 0; row < this.count; row++)
      this.slots[this.slotOf(this.a[row] ?? 0, this.b[row] ?? 0)] = row + 1;
  }
}

const grown = <T extends Int32Array | Uint32Array | Uint8Array | Uint16Array>(column: T): T => {
  const larger = new (column.constructor as new (length: number) => T)(2 * column.length);
  larger.set(column);
  return larger;
};

export interface NamedEntry {
  /** Its number among those that were scanned. */
  readonly unit: number;
  /** In the section of the unit, counted from the unit's beginning. */
  readonly offset: number;
  readonly rank: Rank;
}

/** The best entry of each name. */
export class NameTable {
  private readonly rows = new Rows();
  private unit = new Uint32Array(FIRST_SIZE);
  private offset = new Uint32Array(FIRST_SIZE);
  private rank = new Uint8Array(FIRST_SIZE);

  find({ a, b }: NameHash): NamedEntry | undefined {
    const row = this.rows.find(a, b);
    if (row < 0) return undefined;
    const [unit = 0, offset = 0, rank = 0] = [this.unit[row], this.offset[row], this.rank[row]];
    return { unit, offset, rank: rank as Rank };
  }

  /** Of entries that are equally good the first stays. */
  enter({ a, b }: NameHash, unit: number, offset: number, rank: Rank): void {
    const row = this.rows.enter(a, b);
    if (row < 0) return;
    if (row >= this.unit.length) {
      this.unit = grown(this.unit);
      this.offset = grown(this.offset);
      this.rank = grown(this.rank);
    }
    if ((this.rank[row] ?? 0) >= rank) return;
    this.unit[row] = unit;
    this.offset[row] = offset;
    this.rank[row] = rank;
  }
}

/** Which units use a name. */
export class UseTable {
  private readonly rows = new Rows();
  /** Use + 1 of each row's last use; then that of the one before. */
  private last = new Uint32Array(FIRST_SIZE);
  private before = new Uint32Array(FIRST_SIZE);
  private unit = new Uint32Array(FIRST_SIZE);
  private count = 0;

  *find({ a, b }: NameHash): Generator<number> {
    const row = this.rows.find(a, b);
    for (let use = row < 0 ? 0 : (this.last[row] ?? 0); use > 0; use = this.before[use - 1] ?? 0)
      yield this.unit[use - 1] ?? 0;
  }

  enter({ a, b }: NameHash, unit: number): void {
    const row = this.rows.enter(a, b);
    if (row < 0 || this.count >= MAX_USES) return;
    if (row >= this.last.length) this.last = grown(this.last);
    const last = this.last[row] ?? 0;
    if (last > 0 && this.unit[last - 1] === unit) return;
    if (this.count >= this.unit.length) {
      this.unit = grown(this.unit);
      this.before = grown(this.before);
    }
    this.unit[this.count] = unit;
    this.before[this.count] = last;
    this.last[row] = ++this.count;
  }
}

/** Which kinds of names were met, with which ranks, by the place of the text that the linker has units share. */
export class SeenTexts {
  /** Place + 1; 0 is empty. */
  private places = new Uint32Array(2 * FIRST_SIZE);
  /** Two bits for each kind. */
  private ranks = new Uint16Array(2 * FIRST_SIZE);
  private count = 0;

  /** True when the name was met with this rank or a better one; else it is noted. */
  test(place: number, kind: number, rank: Rank): boolean {
    const slot = this.slotOf(place + 1);
    const shift = 2 * kind;
    const ranks = this.ranks[slot] ?? 0;
    if (((ranks >> shift) & 3) >= rank) return true;
    this.ranks[slot] = (ranks & ~(3 << shift)) | (rank << shift);
    if (this.places[slot] !== 0) return false;
    this.places[slot] = place + 1;
    if (2 * ++this.count > this.places.length) this.spread();
    return false;
  }

  private slotOf(key: number): number {
    const mask = this.places.length - 1;
    let slot = (Math.imul(key, 0x9e37_79b1) >>> 8) & mask;
    for (;;) {
      const known = this.places[slot];
      if (known === 0 || known === key) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private spread(): void {
    const { places, ranks } = this;
    this.places = new Uint32Array(2 * places.length);
    this.ranks = new Uint16Array(2 * places.length);
    places.forEach((place, from) => {
      if (place === 0) return;
      const slot = this.slotOf(place);
      this.places[slot] = place;
      this.ranks[slot] = ranks[from] ?? 0;
    });
  }
}
