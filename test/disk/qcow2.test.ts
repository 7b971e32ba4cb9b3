import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MemoryImage } from '../../src/disk/images';
import { openImage, type ImageFormat } from '../../src/disk/open-image';
import type { BaseImage, ByteFile } from '../../src/disk/types';
import { guestFiles } from '../../src/host/files';
import { requireTool } from '../support/tools';

const SIZE = 1536 * 1024 + 512;

/** A file's bytes exactly, without a sector's padding. */
const fileOf = (bytes: Uint8Array): ByteFile => ({
  sizeBytes: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});

/** Data that compresses in places, zeroes in others, noise in the rest. */
function contents(seed: number): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  let state = seed;
  for (let at = 0; at < SIZE; at++) {
    const region = (at >> 16) % 4;
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = region === 0 ? 0 : region === 1 ? at >> 8 : region === 2 ? state >>> 24 : at % 251;
  }
  return bytes;
}

describe('qcow2', () => {
  let folder = '';
  before(function () {
    requireTool(this, 'qemu-img', 'qemu-io');
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-qcow2-'));
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  const qemuImg = (...args: string[]) =>
    execFileSync('qemu-img', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 });
  const qemuIo = (image: string, ...commands: string[]) =>
    execFileSync('qemu-io', [...commands.flatMap((command) => ['-c', command]), '-f', 'qcow2', image], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
    });
  const openFile = async (name: string) => fileOf(readFileSync(join(folder, basename(name))));
  const open = async (name: string, format?: ImageFormat) => (await openImage(name, format, openFile)).image;

  function source(seed = 1): Uint8Array {
    const bytes = contents(seed);
    writeFileSync(join(folder, 'source.raw'), bytes);
    return bytes;
  }

  /** What QEMU reads from the image. */
  function judged(name: string): Uint8Array {
    qemuImg('convert', '-O', 'raw', name, 'judged.raw');
    return readFileSync(join(folder, 'judged.raw'));
  }

  async function assertReads(image: BaseImage, expected: Uint8Array): Promise<void> {
    assert.equal(image.sizeBytes, Math.ceil(expected.length / 512) * 512);
    const all = await image.read(0, expected.length);
    assert.ok(Buffer.compare(all, expected) === 0, 'the whole image is the same');
    for (const [offset, length] of [
      [65536 - 512, 1024],
      [512, 200_000],
      [SIZE - 512, 512],
      [1 << 20, 4096],
    ] as const) {
      if (offset + length > expected.length) continue;
      const part = await image.read(offset, length);
      assert.ok(
        Buffer.compare(part, expected.subarray(offset, offset + length)) === 0,
        `${length} at ${offset}`,
      );
    }
  }

  const variants: Record<string, string[]> = {
    'version 3': ['-o', 'compat=1.1'],
    'version 2': ['-o', 'compat=0.10'],
    compressed: ['-c'],
    'compressed with zstd': ['-c', '-o', 'compression_type=zstd'],
    'compressed with zstd, 4 KiB clusters': ['-c', '-o', 'compression_type=zstd,cluster_size=4k'],
    'compressed with zstd, 2 MiB clusters': ['-c', '-o', 'compression_type=zstd,cluster_size=2M'],
    'compressed, 2 MiB clusters': ['-c', '-o', 'cluster_size=2M'],
    'compressed, 512 byte clusters': ['-c', '-o', 'cluster_size=512'],
    'clusters of 512 bytes': ['-o', 'cluster_size=512'],
    ...Object.fromEntries(
      ['4k', '8k', '16k', '32k', '128k', '256k', '512k', '1M'].map((size) => [
        `clusters of ${size}`,
        ['-o', `cluster_size=${size}`],
      ]),
    ),
    'clusters of 2 MiB': ['-o', 'cluster_size=2M'],
    preallocated: ['-o', 'preallocation=metadata'],
    'lazy reference counts': ['-o', 'lazy_refcounts=on'],
  };
  for (const [name, options] of Object.entries(variants)) {
    it(`reads what qemu-img wrote: ${name}`, async () => {
      const expected = source();
      qemuImg('convert', '-f', 'raw', '-O', 'qcow2', ...options, 'source.raw', 'image.qcow2');
      await assertReads(await open('image.qcow2'), expected);
    });
  }

  it('reads zero clusters, discarded ones and a chain of backing images of several sizes', async () => {
    source(2);
    qemuImg('convert', '-f', 'raw', '-O', 'qcow2', '-c', 'source.raw', 'base.qcow2');
    qemuImg(
      'create',
      '-f',
      'qcow2',
      '-b',
      'base.qcow2',
      '-F',
      'qcow2',
      '-o',
      'cluster_size=4k',
      'middle.qcow2',
    );
    qemuIo('middle.qcow2', 'write -P 0x11 65000 70000', 'write -z 131072 65536', 'write -z -u 1M 128k');
    qemuImg('create', '-f', 'qcow2', '-b', 'middle.qcow2', '-F', 'qcow2', 'top.qcow2', '5M');
    qemuIo('top.qcow2', 'write -P 0x22 100000 512', 'write -P 0x33 4M 1000', 'discard 2M 64k');
    const expected = judged('top.qcow2');
    await assertReads(await open('top.qcow2'), expected);
    await assertReads(await open('middle.qcow2', 'qcow2'), judged('middle.qcow2'));
  });

  it('reads a raw backing image, and takes its format from the header', async () => {
    source(3);
    qemuImg('convert', '-f', 'raw', '-O', 'qcow2', 'source.raw', 'inner.qcow2');
    // A raw disk whose contents look like qcow2 stays raw.
    qemuImg('create', '-f', 'qcow2', '-b', 'inner.qcow2', '-F', 'raw', 'outer.qcow2');
    await assertReads(await open('outer.qcow2'), readFileSync(join(folder, 'inner.qcow2')));
  });

  it('knows raw from qcow2 by itself', async () => {
    const expected = source(4);
    await assertReads(await open('source.raw'), expected);
    const { image: odd } = await openImage('odd', 'raw', async () => fileOf(Uint8Array.of(1, 2, 3)));
    assert.equal(odd.sizeBytes, 512);
    assert.deepEqual([...(await odd.read(0, 512)).subarray(0, 5)], [1, 2, 3, 0, 0]);
  });

  it('refuses what it cannot read, with a code', async () => {
    source();
    const refused: [string, string[], string][] = [
      ['QCOW2_EXTENDED_L2', ['-o', 'extended_l2=on'], 'l2.qcow2'],
      ['QCOW2_DATA_FILE', ['-o', 'data_file=outside.raw'], 'data.qcow2'],
      [
        'QCOW2_ENCRYPTED',
        ['--object', 'secret,id=s,data=x', '-o', 'encrypt.format=aes,encrypt.key-secret=s'],
        'aes.qcow2',
      ],
    ];
    for (const [code, options, name] of refused) {
      qemuImg('create', '-f', 'qcow2', ...options, name, '1M');
      await assert.rejects(open(name), { code });
    }
    // qemu-img times its key derivation before it writes LUKS, and gives up where the processor is too fast: so only the
    // method (crypt_method in the specification's header) is LUKS here.
    const luks = readFileSync(join(folder, 'aes.qcow2'));
    assert.equal(luks.readUInt32BE(32), 1, 'AES');
    luks.writeUInt32BE(2, 32);
    await assert.rejects(
      openImage('luks.qcow2', undefined, async () => fileOf(luks)),
      { code: 'QCOW2_ENCRYPTED' },
    );
    await assert.rejects(open('source.raw', 'qcow2'), { code: 'QCOW2_MAGIC' });
    await assert.rejects(openImage('x', 'vmdk' as ImageFormat, openFile), { code: 'ENOENT' });
    await assert.rejects(openImage('source.raw', 'vmdk' as ImageFormat, openFile), { code: 'DISK_FORMAT' });
  });

  it('finds backing images by paths relative to the image that names them, at any depth', async () => {
    const expected = source(7);
    const folders = ['a', 'b/deep', 'c'].map((name) => join(folder, 'tree', name));
    for (const name of folders) mkdirSync(name, { recursive: true });
    writeFileSync(join(folder, 'tree/a/base.raw'), expected);
    const link = (image: string, backing: string, format: string): unknown =>
      qemuImg('create', '-f', 'qcow2', '-b', backing, '-F', format, join('tree', image));
    link('b/deep/one.qcow2', '../../a/base.raw', 'raw');
    link('b/two.qcow2', 'deep/one.qcow2', 'qcow2');
    link('c/three.qcow2', '../b/two.qcow2', 'qcow2');
    link('four.qcow2', 'c/three.qcow2', 'qcow2');
    qemuIo('tree/b/two.qcow2', 'write -P 0x22 65536 4096');
    qemuIo('tree/c/three.qcow2', 'write -P 0x33 131072 4096');
    const opened = await openImage(join(folder, 'tree/four.qcow2'), undefined, guestFiles.openDisk);
    try {
      expected.fill(0x22, 65536, 65536 + 4096).fill(0x33, 131072, 131072 + 4096);
      await assertReads(opened.image, expected);
      assert.ok(Buffer.compare(judged('tree/four.qcow2').subarray(0, SIZE), expected) === 0);
      assert.equal(opened.files.length, 5);
    } finally {
      await opened.close();
    }
  });

  it('refuses a circle of backing images', async () => {
    qemuImg('create', '-f', 'qcow2', 'other.qcow2', '1M');
    qemuImg('create', '-f', 'qcow2', '-b', 'other.qcow2', '-F', 'qcow2', 'circle.qcow2');
    const bytes = readFileSync(join(folder, 'circle.qcow2'));
    await assert.rejects(
      openImage('circle.qcow2', undefined, async () => fileOf(bytes)),
      { code: 'DISK_CHAIN' },
    );
    const text = Buffer.from(bytes);
    text.write('nbd:qcow2:1', text.indexOf('other.qcow2'));
    await assert.rejects(
      openImage('x', undefined, async () => fileOf(text)),
      { code: 'DISK_BACKING' },
    );
  });

  it('stays calm with damaged files', async function () {
    this.timeout(20_000);
    writeFileSync(join(folder, 'source.raw'), contents(5).subarray(0, 300_032));
    qemuImg('convert', '-f', 'raw', '-O', 'qcow2', '-c', '-o', 'cluster_size=4k', 'source.raw', 'base.qcow2');
    const good = readFileSync(join(folder, 'base.qcow2'));
    let state = 99;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let refused = 0;
    for (let round = 0; round < 300; round++) {
      const bad = Uint8Array.from(round % 3 === 0 ? good.subarray(0, random(good.length)) : good);
      for (let flips = random(6); flips > 0; flips--) {
        const at = random(2) === 0 ? random(128) : random(bad.length);
        if (at < bad.length) bad[at] = (bad[at] ?? 0) ^ (1 << random(8));
      }
      try {
        const { image } = await openImage('bad.qcow2', 'qcow2', async () => fileOf(bad));
        await image.read(0, Math.min(image.sizeBytes, SIZE));
        await image.read(Math.max(0, image.sizeBytes - 4096), 4096);
      } catch (error) {
        assert.equal((error as Error).name, 'UserError', String((error as Error).stack));
        refused++;
      }
    }
    assert.ok(refused > 50, `${refused} of 300 were refused`);
  });

  it('gives a file in memory as an image too', async () => {
    const image = new MemoryImage(Uint8Array.of(7));
    assert.deepEqual([image.sizeBytes, (await image.read(0, 2))[0]], [512, 7]);
  });
});
