/** Line tables against readelf, row by row, and functions and lines of addresses against addr2line. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { requireTool } from '../support/tools';
import { ourRows, rowsOfReadelf, textAddresses } from './line-judges';
import { ADDR2LINE, BUILDS, Corpus, ELF_GCC, LINUX_GCC, GDB, gdb, open, READELF } from './support';

/** "address path:line" of each address, or "address none". */
const linesOfGdb = (path: string, addresses: bigint[]): string[] => {
  const script = `python
for pc in [${addresses.join(',')}]:
    sal = gdb.find_pc_line(pc)
    if sal.symtab is None or sal.line == 0: print("row", pc, "none")
    else: print("row", pc, "%s:%d" % (sal.symtab.fullname(), sal.line))
end`;
  const lines = gdb(path, script).split('\n');
  return lines.filter((line) => line.startsWith('row ')).map((line) => line.slice(4));
};

describe('DWARF line tables', function () {
  this.timeout(60_000);
  let corpus: Corpus;
  before(function () {
    requireTool(this, ELF_GCC, LINUX_GCC, READELF, ADDR2LINE, GDB);
    corpus = new Corpus();
  });
  after(() => corpus.dispose());

  for (const build of BUILDS) {
    it(`${build.name}: every row is as readelf says`, () => {
      const path = corpus.build(build);
      const expected = rowsOfReadelf(path);
      assert.ok(expected.length > 50, `readelf shows ${expected.length} rows`);
      assert.deepEqual(ourRows(open(path)), expected);
    });
  }

  // Rows are right by now; how a debugger chooses among them needs no more than every version and level once.
  for (const build of BUILDS.filter((one) => /O[012]$/.test(one.name))) {
    it(`${build.name}: the line of every address is as GDB says`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const addresses = textAddresses(file);
      const ours = addresses.map((address) => {
        const line = file.lineAt(address);
        const where = line === undefined ? 'none' : `${line.file}:${line.line}`;
        return `${address} ${where}`;
      });
      assert.deepEqual(ours, linesOfGdb(path, addresses));
      assert.deepEqual(file.warnings, []);
    });
  }

  // binutils 2.40 misreads 64-bit DWARF 5 in addr2line (its readelf does not).
  for (const build of BUILDS.filter((one) => one.name !== 'dwarf5-64')) {
    it(`${build.name}: the function at every address is the one that addr2line names`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const addresses = textAddresses(file);
      const input = addresses.map((address) => address.toString(16)).join('\n');
      const lines = execFileSync(ADDR2LINE, ['-f', '-e', path], { input, encoding: 'utf8' })
        .trim()
        .split('\n');
      const ours = addresses.map((address) => {
        const name = file.inlinedAt(address)[0]?.name ?? file.functionAt(address)?.name ?? '??';
        return `0x${address.toString(16)} ${name}`;
      });
      assert.deepEqual(
        ours,
        addresses.map((address, i) => `0x${address.toString(16)} ${lines[2 * i] ?? ''}`),
      );
    });
  }
});
