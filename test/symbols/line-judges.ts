/** Line tables and look-ups as outside judges tell them, and as we do. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { readLineHeader } from '../../src/symbols/dwarf/line-header';
import { runLineProgram, type LineRow } from '../../src/symbols/dwarf/line-program';
import { dwarfSectionsOf } from '../../src/symbols/dwarf/sections';
import type { SymbolFile } from '../../src/symbols/symbol-file';
import { ADDR2LINE, output, READELF } from './support';

/** Rows as "file line address stmt"; the end of a sequence has line "-". */
export const rowsOfReadelf = (path: string): string[] => {
  const rows: string[] = [];
  for (const line of output(READELF, '--wide', '--debug-dump=decodedline', path).split('\n')) {
    const match = /^(\S+)\s+(\d+|-)\s+(0x[0-9a-f]+|0)(?:\s+\d+)?(\s+x)?(?:\s+END)?\s*$/.exec(line);
    if (match === null) continue;
    const [, file = '', number = '', address = '', stmt] = match;
    rows.push(`${basename(file)} ${number} ${address} ${number === '-' ? '' : stmt ? 'x' : ''}`);
  }
  return rows;
};

function* rowsOfTables(file: SymbolFile): Generator<{ name: string; row: LineRow }> {
  const sections = dwarfSectionsOf(file.elf, (warning) => assert.fail(String(warning)));
  const { size } = sections.source('line');
  for (let offset = 0; offset < size;) {
    const header = readLineHeader(sections, offset, 8);
    for (const row of runLineProgram(sections, header))
      yield { name: basename(header.files[row.file]?.name ?? ''), row };
    offset = header.end;
  }
}

export const ourRows = (file: SymbolFile): string[] =>
  Array.from(rowsOfTables(file), ({ name, row }) => {
    const line = row.endSequence ? '-' : String(row.line);
    const address = row.address === 0n ? '0' : `0x${row.address.toString(16)}`;
    return `${name} ${line} ${address} ${row.isStmt && !row.endSequence ? 'x' : ''}`;
  });

/** Every second address of the text section. */
export const textAddresses = (file: SymbolFile): bigint[] => {
  const text = file.elf.sectionNamed('.text');
  assert.ok(text);
  return Array.from({ length: text.size >> 1 }, (_, i) => text.address + BigInt(2 * i));
};

/** "function file:line < function file:line ..." of each address, inlined ones first; unknown parts are "?". */
export const placesOfAddr2line = (path: string, addresses: readonly bigint[]): string[] => {
  const input = addresses.map((address) => address.toString(16)).join('\n');
  const said = execFileSync(ADDR2LINE, ['-a', '-f', '-i', '-e', path], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const places: string[] = [];
  for (const block of said
    .trim()
    .split(/^0x[0-9a-f]+\n/m)
    .slice(1)) {
    const lines = block.trim().split('\n');
    const chain: string[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [, file = '', line = ''] = /^(.*):(\d+|\?)/.exec(lines[i + 1] ?? '') ?? [];
      chain.push(placeText(lines[i] ?? '', file, Number(line) || 0));
    }
    places.push(chain.join(' < '));
  }
  return places;
};

export const ourPlaces = (file: SymbolFile, addresses: readonly bigint[]): string[] =>
  addresses.map((address) => {
    const inlined = file.inlinedAt(address);
    const names = [...inlined.map(({ name }) => name), file.functionAt(address)?.name ?? '??'];
    const line = file.lineAt(address);
    const calls = inlined.map(({ callFile, callLine }) => ({ file: callFile, line: callLine }));
    const places = [{ file: line?.file ?? '', line: line?.line ?? 0 }, ...calls];
    return names.map((name, i) => placeText(name, places[i]?.file ?? '', places[i]?.line ?? 0)).join(' < ');
  });

const placeText = (name: string, file: string, line: number): string =>
  `${name} ${line === 0 ? '?' : `${basename(file)}:${line}`}`;

/** "file:line" of the last row at the address that an address's line begins at. */
export const linesOfLastRows = (file: SymbolFile, addresses: readonly bigint[]): (string | undefined)[] => {
  const last = new Map<bigint, string>();
  for (const { name, row } of rowsOfTables(file)) {
    if (!row.endSequence) last.set(row.address, `${name}:${row.line}`);
  }
  return addresses.map((address) => {
    const line = file.lineAt(address);
    return line && last.get(line.start);
  });
};
