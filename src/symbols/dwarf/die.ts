/**
 * Debugging information entries with what belongs to them: the unit, the attributes, the children, and the entries that
 * they refer to. Nothing is kept here: an entry is read when it is asked for. Readers throw UserErrors for damage; the
 * walks are bounded by the size of the section, and those who recurse bound their depth by MAX_DEPTH.
 */
import { AT } from './constants';
import { constantOf, type AttributeValue } from './forms';
import { follow, placeOf, type EntryPlace } from './references';
import type { Entry, Unit } from './unit';

/** Nested entries and chains of references beyond this are damage; compilers stay far below. */
export const MAX_DEPTH = 100;

/** Longest chain of origins followed: a concrete instance, its abstract one and its declaration make three. */
const MAX_ORIGINS = 8;

const WANTED: ReadonlySet<number> = new Set(Object.values(AT));
const SIBLING: ReadonlySet<number> = new Set([AT.sibling]);

/** An attribute with the entry that has it, which decides what its numbers mean. */
export interface Found {
  readonly die: Die;
  readonly value: AttributeValue;
}

export class Die {
  constructor(
    readonly unit: Unit,
    readonly entry: Entry,
    /** Where the children begin, or the next entry. */
    private readonly next: number,
  ) {}

  /** Throws DWARF_BAD_SECTION; undefined for a null entry. */
  static at(place: EntryPlace): Die | undefined {
    const reader = place.unit.entryReader(place.offset);
    const entry = place.unit.readEntry(reader, WANTED);
    return entry && new Die(place.unit, entry, reader.offset);
  }

  get tag(): number {
    return this.entry.abbreviation.tag;
  }

  get offset(): number {
    return this.entry.offset;
  }

  /** Tells entries of one file apart. */
  get key(): string {
    return `${this.unit.key}+${this.entry.offset}`;
  }

  has(name: number): boolean {
    return this.entry.attributes.has(name);
  }

  attribute(name: number): AttributeValue | undefined {
    return this.entry.attributes.get(name);
  }

  text(name: number): string | undefined {
    return this.unit.text(this.attribute(name));
  }

  /** Undefined too for the empty name that some compilers give to nameless types. */
  get name(): string | undefined {
    return this.text(AT.name) || undefined;
  }

  constant(name: number): bigint | undefined {
    return constantOf(this.attribute(name));
  }

  flag(name: number): boolean {
    return (this.constant(name) ?? 0n) !== 0n;
  }

  /** The entry that an attribute refers to. */
  reference(name: number): Die | undefined {
    const place = follow(this.unit, this.attribute(name));
    return place && Die.at(place);
  }

  /** The entry at an offset of this one's unit, or of the section that it lies in. */
  at(offset: number, from: 'unit' | 'section'): Die | undefined {
    const absolute = from === 'unit' ? this.unit.header.offset + offset : offset;
    const place = placeOf(this.unit, absolute);
    return place && Die.at(place);
  }

  /** The abstract instance, or the declaration, that this entry completes (DWARF 5, 2.13.2 and 3.3.8). */
  get origin(): Die | undefined {
    return this.reference(this.has(AT.abstractOrigin) ? AT.abstractOrigin : AT.specification);
  }

  /** An attribute of this entry or of what it completes. */
  find(name: number): Found | undefined {
    for (const die of this.origins()) {
      const value = die.attribute(name);
      if (value !== undefined) return { die, value };
    }
    return undefined;
  }

  /** The entry itself, then what it completes, and so on. */
  *origins(): Generator<Die> {
    yield this;
    let die = this.origin;
    for (let hops = 1; die !== undefined && hops < MAX_ORIGINS; hops++) {
      yield die;
      die = die.origin;
    }
  }

  /** The name of this entry or of what it completes. */
  get anyName(): string | undefined {
    for (const die of this.origins()) {
      if (die.name !== undefined) return die.name;
    }
    return undefined;
  }

  *children(): Generator<Die> {
    if (!this.entry.abbreviation.hasChildren) return;
    const { unit } = this;
    const reader = unit.entryReader(this.next);
    while (!reader.done) {
      const entry = unit.readEntry(reader, WANTED);
      if (entry === undefined) return;
      const child = new Die(unit, entry, reader.offset);
      yield child;
      reader.offset = child.end();
    }
  }

  /** Where the next sibling begins. */
  private end(): number {
    if (!this.entry.abbreviation.hasChildren) return this.next;
    const { unit } = this;
    const sibling = follow(unit, this.attribute(AT.sibling));
    // A sibling before here would be a loop.
    if (sibling !== undefined && sibling.offset > this.next && sibling.offset < unit.header.end)
      return sibling.offset;
    const reader = unit.entryReader(this.next);
    for (let depth = 1; depth > 0 && !reader.done;) {
      const entry = unit.readEntry(reader, SIBLING);
      if (entry === undefined) depth--;
      else if (entry.abbreviation.hasChildren) depth++;
    }
    return reader.offset;
  }
}
