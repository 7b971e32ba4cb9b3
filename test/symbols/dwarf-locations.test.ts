/** Location lists against readelf: of every list, where it says something, and what it begins with. */
import assert from 'node:assert/strict';
import { UserError } from '../../src/base/errors';
import { ByteReader } from '../../src/symbols/bytes';
import { dwarfSectionsOf } from '../../src/symbols/dwarf/sections';
import { expressionAt, type ListUnit } from '../../src/symbols/dwarf/location-lists';
import { UnitSet } from '../../src/symbols/dwarf/unit-set';
import { open, output, READELF } from './support';
import { TYPED_BUILDS, typedCorpus } from './typed-support';

interface ListEntry {
  readonly start: bigint;
  readonly end: bigint;
  readonly operation: string;
}

/** Offsets of the lists that entries of .debug_info refer to, with those of their units. */
const listsOf = (path: string): { unit: number; list: number }[] => {
  const lists: { unit: number; list: number }[] = [];
  let unit = 0;
  for (const line of output(READELF, '--wide', '--debug-dump=info', path).split('\n')) {
    const header = /Compilation Unit @ offset (?:0x)?([0-9a-f]+):/.exec(line);
    if (header !== null) unit = parseInt(header[1] ?? '', 16);
    const list = /DW_AT_location\s*:.*0x([0-9a-f]+) \(location list\)/.exec(line);
    if (list !== null) lists.push({ unit, list: parseInt(list[1] ?? '', 16) });
  }
  return lists;
};

/** Lists by the offsets of all their lines: an entry may be referred to in the midst of what readelf takes for one. */
const entriesOf = (path: string): ((list: number) => ListEntry[]) => {
  const lines: { offset: number; entry: ListEntry | 'end' }[] = [];
  for (const line of output(READELF, '--wide', '--debug-dump=loc', path).split('\n')) {
    const end = /^\s+([0-9a-f]{8,16}) <End of list>/.exec(line);
    if (end !== null) lines.push({ offset: parseInt(end[1] ?? '', 16), entry: 'end' });
    const match = /([0-9a-f]{8,16}) (?:v\S+ v\S+ )?([0-9a-f]{16}) ([0-9a-f]{16}) \(([A-Za-z_0-9]+)/.exec(
      line,
    );
    if (match === null) continue;
    const [, offset = '', start = '', stop = '', operation = ''] = match;
    lines.push({
      offset: parseInt(offset, 16),
      entry: { start: BigInt(`0x${start}`), end: BigInt(`0x${stop}`), operation },
    });
  }
  return (list) => {
    const found: ListEntry[] = [];
    for (const { offset, entry } of lines) {
      if (offset < list) continue;
      if (entry === 'end') break;
      found.push(entry);
    }
    return found;
  };
};

const NAMES: Readonly<Record<number, string>> = {
  ...{
    0x03: 'DW_OP_addr',
    0x08: 'DW_OP_const1u',
    0x09: 'DW_OP_const1s',
    0x0a: 'DW_OP_const2u',
    0x0b: 'DW_OP_const2s',
  },
  ...{
    0x10: 'DW_OP_constu',
    0x11: 'DW_OP_consts',
    0x90: 'DW_OP_regx',
    0x91: 'DW_OP_fbreg',
    0x92: 'DW_OP_bregx',
  },
  ...{
    0x93: 'DW_OP_piece',
    0x9e: 'DW_OP_implicit_value',
    0xa0: 'DW_OP_implicit_pointer',
    0xa3: 'DW_OP_entry_value',
  },
  ...{ 0xa5: 'DW_OP_regval_type', 0xf2: 'DW_OP_GNU_implicit_pointer', 0xf3: 'DW_OP_GNU_entry_value' },
  ...{ 0xf5: 'DW_OP_GNU_regval_type', 0xa4: 'DW_OP_const_type', 0xf4: 'DW_OP_GNU_const_type' },
};

const nameOf = (operation: number): string => {
  if (operation >= 0x30 && operation < 0x50) return `DW_OP_lit${operation - 0x30}`;
  if (operation >= 0x50 && operation < 0x70) return `DW_OP_reg${operation - 0x50}`;
  if (operation >= 0x70 && operation < 0x90) return `DW_OP_breg${operation - 0x70}`;
  return NAMES[operation] ?? `0x${operation.toString(16)}`;
};

describe('DWARF location lists', function () {
  this.timeout(60_000);
  const corpus = typedCorpus(READELF);

  // readelf does not show lists that are referred to by index (clang's).
  for (const build of TYPED_BUILDS.filter((one) => /^g.*-O[12]$/.test(one.name))) {
    it(`${build.name}: hold where readelf says`, () => {
      const path = corpus.build(build);
      const warn = (error: unknown): never => assert.fail(String(error));
      const sections = dwarfSectionsOf(open(path).elf, warn);
      const units = new UnitSet({ name: '', sections, warn });
      const judged = entriesOf(path);
      let checked = 0;
      for (const { unit: at, list } of listsOf(path)) {
        const unit = units.unitAt(at) ?? assert.fail(`no unit at ${at}`);
        const entries = judged(list);
        assert.ok(entries.length > 0, `readelf shows no list at ${list}`);
        const holding = (pc: bigint): string | undefined =>
          entries.find((one) => one.start <= pc && pc < one.end)?.operation;
        for (const pc of entries.flatMap(({ start, end }) => [start - 1n, start, end - 1n, end])) {
          const bytes = expressionAt(unit, { kind: 'sectionOffset', offset: list }, pc);
          const ours = bytes && nameOf(bytes[0] ?? 0);
          assert.equal(ours, holding(pc), `list at 0x${list.toString(16)}, pc 0x${pc.toString(16)}`);
          checked++;
        }
      }
      assert.ok(checked >= 40, `${checked} places checked`);
    });
  }
});

describe('DWARF location lists by hand', () => {
  const address = (value: number): number[] => [value & 0xff, value >> 8, 0, 0, 0, 0, 0, 0];
  const ones = [255, 255, 255, 255, 255, 255, 255, 255];
  /** What a list in a unit of base address 0x1000 says at a place: the operation, or nothing. */
  const at = (
    version: number,
    list: readonly number[],
    pc: bigint,
    skeleton?: unknown,
  ): number | undefined => {
    const unit: ListUnit = {
      header: { version, offsetSize: 4, addressSize: 8 },
      sections: {
        reader: (name, offset) =>
          new ByteReader(Uint8Array.from(list), { code: 'DWARF_BAD_SECTION', name }, offset),
      },
      baseAddress: 0x1000n,
      loclistsBase: undefined,
      skeleton,
      indexedAddress: (index) => 0x5000n + BigInt(index) * 0x100n,
    };
    return expressionAt(unit, { kind: 'sectionOffset', offset: 0 }, pc)?.[0];
  };

  it('of DWARF 4 count from the base that was selected last', () => {
    const list = [
      ...[...address(0x10), ...address(0x20), 1, 0, 0x51],
      ...[...ones, ...address(0x3000)],
      ...[...address(0x10), ...address(0x20), 1, 0, 0x52],
      ...[...address(0), ...address(0)],
    ];
    assert.equal(at(4, list, 0x1010n), 0x51);
    assert.equal(at(4, list, 0x3010n), 0x52);
    assert.equal(at(4, list, 0x3020n), undefined);
    assert.throws(() => at(4, list.slice(0, -1), 0x3020n), UserError);
  });

  it('of DWARF 5 have entries of every kind, views between them, and a default', () => {
    const list = [
      ...[4, 0x10, 0x20, 1, 0x51], // DW_LLE_offset_pair
      ...[9, 1, 2], // DW_LLE_GNU_view_pair
      ...[1, 2, 4, 0x10, 0x20, 1, 0x52], // DW_LLE_base_addressx
      ...[6, ...address(0x3000), 4, 0x10, 0x20, 1, 0x53], // DW_LLE_base_address
      ...[2, 0, 1, 1, 0x54], // DW_LLE_startx_endx
      ...[3, 3, 0x10, 1, 0x55], // DW_LLE_startx_length
      ...[7, ...address(0x4000), ...address(0x4008), 1, 0x56], // DW_LLE_start_end
      ...[8, ...address(0x4100), 8, 1, 0x57], // DW_LLE_start_length
      ...[5, 1, 0x58], // DW_LLE_default_location
      0,
    ];
    const said = [0x1010n, 0x5210n, 0x3010n, 0x50ffn, 0x530fn, 0x4007n, 0x4107n, 0x4108n];
    assert.deepEqual(
      said.map((pc) => at(5, list, pc)),
      [0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58],
    );
    assert.throws(() => at(5, [10], 0n), UserError);
  });

  it("of GNU's split DWARF 4 name their addresses by index", () => {
    const list = [2, 0, 1, 1, 0, 0x51, 3, 2, 8, 0, 0, 0, 1, 0, 0x52, 0];
    assert.equal(at(4, list, 0x50ffn, {}), 0x51);
    assert.equal(at(4, list, 0x5207n, {}), 0x52);
    assert.equal(at(4, list, 0x5208n, {}), undefined);
  });
});
