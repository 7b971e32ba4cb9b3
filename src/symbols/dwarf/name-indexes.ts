/**
 * Indexes of names: .debug_names (DWARF 5, 6.1.1), .gdb_index (GDB manual, "Index Section Format") and .debug_gnu_pubnames.
 * Each says which units have something of a name, or that none has; the entries themselves are read in the units. A file may
 * have been linked from objects with and without an index, so what no index covers has to be looked at all the same.
 */
import { stringAt, type ByteReader } from '../bytes';
import { FORM } from './constants';
import { readForm, readOffset } from './forms';
import type { DwarfSections } from './sections';
import { readInitialLength } from './unit-header';

/** Offsets of units in .debug_info. */
interface NamedUnits {
  readonly found: ReadonlySet<number>;
  /** Units that the index speaks for. */
  readonly covered: ReadonlySet<number>;
}

/** Entries of one name, and lists of units, longer than these are damage. */
const MAX_ENTRIES = 1_000_000;

/**
 * What the file's index says of a name without namespaces; undefined where none can tell. The older two know functions of
 * C++ by their qualified names only, so that what they do not find may be there all the same. Throws DWARF_BAD_SECTION.
 */
export const unitsNaming = (sections: DwarfSections, name: string): NamedUnits | undefined => {
  if (sections.source('names').size > 0) return inDebugNames(sections, name);
  const hasGdbIndex = sections.source('gdb_index').size > 0;
  if (!hasGdbIndex && sections.source('gnu_pubnames').size === 0) return undefined;
  const said = hasGdbIndex ? inGdbIndex(sections.reader('gdb_index'), name) : inPubnames(sections, name);
  return said === undefined || said.found.size === 0 ? undefined : said;
};

/** The hash of DWARF 5, 7.33, for names of ASCII; others are not folded, and are found by a look at every unit. */
const djbHash = (name: string): number => {
  let hash = 5381;
  for (const byte of new TextEncoder().encode(name.toLowerCase())) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
};

const inDebugNames = (sections: DwarfSections, name: string): NamedUnits => {
  const found = new Set<number>();
  const covered = new Set<number>();
  const reader = sections.reader('names');
  while (!reader.done) {
    const { length, offsetSize } = readInitialLength(reader);
    lookInNameIndex(sections, reader.take(length), offsetSize, name, { found, covered });
  }
  return { found, covered };
};

const lookInNameIndex = (
  sections: DwarfSections,
  body: ByteReader,
  offsetSize: 4 | 8,
  name: string,
  result: { found: Set<number>; covered: Set<number> },
): void => {
  if (body.u16() !== 5) return;
  body.skip(2);
  const [units = 0, localTypes = 0, foreignTypes = 0, buckets = 0, names = 0, abbrevSize = 0] = Array.from(
    { length: 6 },
    () => body.u32(),
  );
  body.skip(body.u32());
  const list = body.take(units * offsetSize);
  const offsets: number[] = [];
  while (!list.done && offsets.length < MAX_ENTRIES) offsets.push(readOffset(list, offsetSize));
  for (const offset of offsets) result.covered.add(offset);
  body.skip(localTypes * offsetSize + foreignTypes * 8);
  const bucketTable = body.take(4 * buckets);
  const hashes = buckets > 0 ? body.take(4 * names) : undefined;
  const strings = body.take(offsetSize * names);
  const entryOffsets = body.take(offsetSize * names);
  const abbreviations = body.take(abbrevSize);
  const at = (table: ByteReader, index: number, size: number): ByteReader =>
    table.at(table.offset + index * size);
  const check = (index: number): void => {
    const text = sections.text('str', readOffset(at(strings, index, offsetSize), offsetSize));
    if (text !== name) return;
    const entry = body.at(body.offset + readOffset(at(entryOffsets, index, offsetSize), offsetSize));
    for (const unit of unitsOfEntries(entry, abbreviations, { version: 5, offsetSize, addressSize: 8 })) {
      const offset = offsets[unit];
      if (offset !== undefined) result.found.add(offset);
    }
  };
  if (hashes === undefined) {
    for (let index = 0; index < names; index++) check(index);
    return;
  }
  const hash = djbHash(name);
  const bucket = hash % buckets;
  const first = at(bucketTable, bucket, 4).u32();
  for (let index = first - 1; first > 0 && index < names; index++) {
    const one = at(hashes, index, 4).u32();
    if (one % buckets !== bucket) break;
    if (one === hash) check(index);
  }
};

const IDX_COMPILE_UNIT = 1;
const IDX_TYPE_UNIT = 2;

/** Indexes of the compilation units of a series of entries; without the attribute there is one unit only. */
function* unitsOfEntries(
  entry: ByteReader,
  table: ByteReader,
  context: Parameters<typeof readForm>[2],
): Generator<number> {
  for (let count = 0; count < MAX_ENTRIES; count++) {
    const code = entry.done ? 0 : entry.uleb();
    if (code === 0) return;
    const attributes = attributesOf(table, code);
    if (attributes === undefined) return;
    let unit: number | undefined = 0;
    for (const { name, form } of attributes) {
      const value = readForm(entry, { name, form, implicitConst: 0n }, context);
      if (name === IDX_COMPILE_UNIT && value.kind === 'constant') unit = Number(value.value);
      else if (name === IDX_TYPE_UNIT) unit = undefined;
    }
    if (unit !== undefined) yield unit;
  }
}

const attributesOf = (table: ByteReader, wanted: number): { name: number; form: number }[] | undefined => {
  const reader = table.at(table.offset);
  while (!reader.done) {
    const code = reader.uleb();
    if (code === 0) return undefined;
    reader.uleb();
    const attributes: { name: number; form: number }[] = [];
    for (;;) {
      const name = reader.uleb();
      const form = reader.uleb();
      if (form === FORM.implicitConst) reader.sleb64();
      if (name === 0 && form === 0) break;
      attributes.push({ name, form });
    }
    if (code === wanted) return attributes;
  }
  return undefined;
};

const inPubnames = (sections: DwarfSections, name: string): NamedUnits => {
  const found = new Set<number>();
  const covered = new Set<number>();
  const reader = sections.reader('gnu_pubnames');
  while (!reader.done) {
    const { length, offsetSize } = readInitialLength(reader);
    const body = reader.take(length);
    body.skip(2);
    const unit = readOffset(body, offsetSize);
    body.skip(offsetSize);
    covered.add(unit);
    while (!body.done && readOffset(body, offsetSize) !== 0) {
      body.skip(1);
      if (body.cstring() === name) found.add(unit);
    }
  }
  return { found, covered };
};

const GDB_INDEX_MIN = 7;
const GDB_INDEX_MAX = 9;

/** GDB's mapped_index_string_hash, of versions 5 and later. */
const gdbHash = (name: string): number => {
  let hash = 0;
  for (const byte of new TextEncoder().encode(name.toLowerCase()))
    hash = (Math.imul(hash, 67) + byte - 113) >>> 0;
  return hash;
};

/** What .gdb_index says of a name; undefined for versions that are not known. Throws DWARF_BAD_SECTION. */
const inGdbIndex = (reader: ByteReader, name: string): NamedUnits | undefined => {
  const version = reader.u32();
  if (version < GDB_INDEX_MIN || version > GDB_INDEX_MAX) return undefined;
  const units = reader.u32();
  const types = reader.u32();
  reader.u32();
  const symbols = reader.u32();
  if (version >= 9) reader.u32();
  const pool = reader.u32();
  const offsets: number[] = [];
  const list = reader.at(units).take(Math.max(0, types - units));
  while (list.remaining >= 16 && offsets.length < MAX_ENTRIES) {
    offsets.push(list.offset64());
    list.skip(8);
  }
  const covered = new Set(offsets);
  const found = new Set<number>();
  const slots = Math.floor((pool - symbols) / 8);
  if (slots <= 0 || (slots & (slots - 1)) !== 0) return { found, covered };
  const hash = gdbHash(name);
  let slot = hash & (slots - 1);
  const step = ((Math.imul(hash, 17) & (slots - 1)) | 1) >>> 0;
  for (let tries = 0; tries < slots; tries++) {
    const entry = reader.at(symbols + 8 * slot);
    const text = entry.u32();
    const vector = entry.u32();
    if (text === 0 && vector === 0) break;
    if (stringAt(reader.source, pool + text) === name) {
      const values = reader.at(pool + vector);
      for (let count = values.u32(); count > 0; count--) {
        const offset = offsets[values.u32() & 0xff_ffff];
        if (offset !== undefined) found.add(offset);
      }
      break;
    }
    slot = (slot + step) & (slots - 1);
  }
  return { found, covered };
};
