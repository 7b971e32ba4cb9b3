/**
 * Line tables as readelf decodes them, row by row, and look-ups as addr2line makes them, at every address: programs of both
 * compilers, at all usual levels and in all versions of DWARF, and the programs that Debian ships.
 * What differs is accepted where a rule below says why.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { requireFile, requireTool } from '../support/tools';
import {
  linesOfLastRows,
  ourPlaces,
  ourRows,
  placesOfAddr2line,
  rowsOfReadelf,
  textAddresses,
} from './line-judges';
import { ADDR2LINE, Corpus, LINK, LINUX_GCC, open, READELF, SOURCES } from './support';

const CLANG = 'clang';
const LLD = 'ld.lld';
const LEVELS = ['-O0', '-O1', '-O2', '-Os'];
const VERSIONS = [2, 3, 4, 5];

/** Debian strips them of all but dynamic symbols. */
const SHIPPED = [
  '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.elf',
  '/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf',
];

/** Accepted: labels of assembly name code here; addr2line knows functions alone. */
const isLabel = (ours: string, theirs: string): boolean =>
  theirs.startsWith('?? ') && !ours.includes(' < ') && ours.slice(ours.indexOf(' ')) === theirs.slice(2);

/**
 * Accepted: of several rows at one address we take the last statement, as GDB does (dwarf-lines.test.ts compares with it);
 * addr2line takes the last row.
 */
const withLine = (ours: string, line: string | undefined): string =>
  line === undefined ? ours : ours.replace(/\S+:\d+|\?$/, line);

/** Accepted in DWARF 5: addr2line 2.40 does not read DW_FORM_rnglistx, and so misses what was inlined in several pieces. */
const withoutInlined = (ours: string): string =>
  ours.replace(/^\S+ (\S+) < .*?(\S+) \S+$/, (_, line: string, name: string) => `${name} ${line}`);

/** Accepted in DWARF 5: addr2line 2.40 counts files from 1 there. Rows are compared with readelf, and lines with GDB. */
const withoutFiles = (place: string): string => place.replace(/\S+:/g, '');

describe('equal to readelf and addr2line', function () {
  this.timeout(120_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, LINUX_GCC, CLANG, LLD, READELF, ADDR2LINE);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  const compiled = (name: string, compiler: string, flags: readonly string[]): string => {
    const folder = corpus.path(name);
    mkdirSync(folder);
    const objects = SOURCES.map((source, i) => {
      const object = `${folder}/${i}.o`;
      execFileSync(compiler, [...flags, '-ffreestanding', '-c', source, '-o', object], { stdio: 'pipe' });
      return object;
    });
    const path = `${folder}/program`;
    if (compiler === CLANG) execFileSync(LLD, ['-e', 'asm_entry', ...objects, '-o', path]);
    else execFileSync(compiler, [...LINK, ...objects, '-o', path], { stdio: 'pipe' });
    return path;
  };

  const check = (path: string, is5: boolean): void => {
    const file = open(path);
    const addresses = textAddresses(file);
    const rows = rowsOfReadelf(path);
    assert.ok(rows.length > 50, `readelf shows ${rows.length} rows`);
    assert.deepEqual(ourRows(file), rows);
    const wanted = placesOfAddr2line(path, addresses);
    const ours = ourPlaces(file, addresses);
    assert.equal(wanted.length, addresses.length);
    const lastRows = linesOfLastRows(file, addresses);
    const differences = addresses.flatMap((address, i) => {
      const [we = '', they = ''] = [ours[i], wanted[i]];
      if (we === they || isLabel(we, they) || withLine(we, lastRows[i]) === they) return [];
      if (is5 && (withoutInlined(we) === they || withoutFiles(we) === withoutFiles(they))) return [];
      return [`${address.toString(16)} ours: ${we}, addr2line: ${they}`];
    });
    assert.deepEqual(differences, []);
    assert.deepEqual(file.warnings, []);
  };

  for (const version of VERSIONS) {
    for (const level of LEVELS) {
      it(`gcc ${level}, DWARF ${version}`, () =>
        check(compiled(`gcc${level}-${version}`, LINUX_GCC, [level, `-gdwarf-${version}`]), version === 5));
      it(`clang ${level}, DWARF ${version}`, () =>
        check(
          compiled(`clang${level}-${version}`, CLANG, [
            ...['--target=riscv64-linux-gnu', '-mno-relax', level, `-gdwarf-${version}`],
          ]),
          version === 5,
        ));
    }
  }

  for (const path of SHIPPED) {
    it(`${path}, which has dynamic symbols at most`, function () {
      requireFile(this, path);
      const file = open(path);
      const addresses = textAddresses(file);
      const wanted = placesOfAddr2line(path, addresses);
      const differences = ourPlaces(file, addresses).flatMap((ours, i) => {
        const [address = 0n, theirs = ''] = [addresses[i], wanted[i]];
        const symbol = file.symbolNamed(theirs.split(' ')[0] ?? '');
        // Accepted: addr2line lets functions go on behind their end, in functions that have no symbol.
        const isBehind = ours === '?? ?' && symbol !== undefined && symbol.address + symbol.size <= address;
        return ours === theirs || isBehind
          ? []
          : [`${address.toString(16)} ours: ${ours}, addr2line: ${theirs}`];
      });
      assert.deepEqual(differences, []);
    });
  }
});
