/** Our archives as GNU cpio sees them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpio, type CpioEntry } from './cpio';
import { requireTool } from './tools';

describe('support: cpio', () => {
  const data = Buffer.from([...Array(1021).keys()].map((i) => i & 0xff));
  const entries: CpioEntry[] = [
    { kind: 'directory', path: 'etc' },
    { kind: 'file', path: 'etc/data', data, mode: 0o640 },
    { kind: 'file', path: 'etc/empty', data: '' },
    { kind: 'file', path: 'run', data: '#!/bin/sh\n', mode: 0o755 },
    { kind: 'link', path: 'etc/run', target: '../run' },
  ];
  let folder = '';

  before(function () {
    requireTool(this, 'cpio');
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-cpio-'));
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  it('lists modes, device numbers, names and links', () => {
    const console: CpioEntry = { kind: 'character', path: 'console', major: 5, minor: 1 };
    const input = cpio([...entries, console]);
    const listing = execFileSync('cpio', ['-tvn', '--quiet'], {
      input,
      encoding: 'utf8',
      env: { LC_ALL: 'C' },
    });
    const seen = listing
      .trim()
      .split('\n')
      .map((line) => {
        const [mode, , , , ...rest] = line.split(/\s+/);
        return [mode, ...rest].join(' ').replace(/Jan 1 1970 /, '');
      });
    assert.deepEqual(seen, [
      'drwxr-xr-x 0 etc',
      '-rw-r----- 1021 etc/data',
      '-rw-r--r-- 0 etc/empty',
      '-rwxr-xr-x 10 run',
      'lrwxrwxrwx 6 etc/run -> ../run',
      'crw------- 5, 1 console',
    ]);
  });

  it('unpacks to the same bytes, modes and links', () => {
    execFileSync('cpio', ['-idm', '--quiet'], { cwd: folder, input: cpio(entries) });
    assert.deepEqual(readFileSync(join(folder, 'etc/data')), data);
    assert.equal(statSync(join(folder, 'etc/data')).mode & 0o777, 0o640);
    assert.equal(statSync(join(folder, 'etc/empty')).size, 0);
    assert.equal(readlinkSync(join(folder, 'etc/run')), '../run');
  });

  it('is the same bytes for the same entries, padded to 512', () => {
    assert.deepEqual(cpio(entries), cpio(entries));
    assert.equal(cpio(entries).length % 512, 0);
  });
});
