/** Files read by parts: every part is what the whole file holds there, across pages and at the end. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import { PagedFile } from '../../src/host/paged-file';
import { ByteReader, partOf } from '../../src/symbols/bytes';

describe('paged files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'paged-'));
  const path = join(folder, 'file');
  // A length that no page size divides, and contents that repeat in none.
  const bytes = Uint8Array.from({ length: 100_003 }, (_, i) => 1 + ((i * i + (i >> 7)) % 255));
  let file: PagedFile;
  before(() => writeFileSync(path, bytes));
  beforeEach(() => (file = PagedFile.open(path)));
  afterEach(() => file.close());
  after(() => rmSync(folder, { recursive: true }));

  it('give every part as it is', () => {
    for (const length of [0, 1, 7, 4096, 16384, 16385, 70_000]) {
      for (const offset of [0, 1, 16383, 16384, 49_150, 99_990, 100_002, 100_003, 200_000]) {
        const wanted = bytes.subarray(offset, offset + length);
        assert.deepEqual(file.read(offset, length), wanted, `${offset} + ${length}`);
        const window = file.window(offset, length);
        assert.ok(window.length >= wanted.length);
        assert.deepEqual(window, bytes.subarray(offset, offset + window.length));
      }
    }
  });

  it('give bytes to keep, not views of the cache', () => {
    assert.equal(file.read(10, 4).buffer.byteLength, 4);
  });

  it('are read across pages by readers, which end where their part ends', () => {
    const start = 16_000;
    const reader = new ByteReader(partOf(file, start, 1000), { code: 'X_Y', name: 'it' });
    const view = new DataView(bytes.buffer);
    for (let at = start; reader.remaining >= 8; at += 8)
      assert.equal(reader.u64(), view.getBigUint64(at, true), `at ${at}`);
    assert.throws(() => reader.u8(), UserError);
    assert.throws(() => new ByteReader(partOf(file, start, 1000), reader.context).cstring(), UserError);
  });

  it('refuse what was not read before the file was written: it belongs to another file', () => {
    for (const change of [
      () => truncateSync(path, 50_000),
      () =>
        writeFileSync(
          path,
          bytes.map((byte) => byte ^ 1),
        ),
      () => appendFileSync(path, 'more'),
    ]) {
      writeFileSync(path, bytes);
      const own = PagedFile.open(path);
      const later = statSync(path).mtimeMs + 1000;
      assert.deepEqual(own.read(40_000, 10), bytes.subarray(40_000, 40_010));
      change();
      // Clocks of file systems are coarse.
      utimesSync(path, later / 1000, later / 1000);
      assert.deepEqual(own.read(40_020, 10), bytes.subarray(40_020, 40_030), 'what is known stays');
      assert.throws(() => own.read(90_000, 10), { code: 'FILE_CHANGED' });
      const reader = new ByteReader(own, { code: 'X_Y', name: 'it' }, 60_000);
      assert.throws(() => reader.u8(), UserError);
      own.close();
    }
    // A file that takes the other's place is another one.
    writeFileSync(path, bytes);
    const own = PagedFile.open(path);
    rmSync(path);
    writeFileSync(path, 'new');
    assert.deepEqual(own.read(90_000, 10), bytes.subarray(90_000, 90_010));
    own.close();
    assert.equal(own.read(10_000, 10).length, 0, 'closed');
  });

  it('are regular files only', () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const one of [pipe, folder, '/dev/null']) {
      assert.throws(() => PagedFile.open(one), { code: 'FILE_UNREADABLE' });
    }
  });
});
