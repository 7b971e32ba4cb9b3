/** The qcow2 writer, judged by qemu-img: what it reads, what its check says, and what both read of the contents. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryFile } from '../../src/disk/memory-file';
import { openImage } from '../../src/disk/open-image';
import { Qcow2Layer, type NewLayer } from '../../src/disk/qcow2/qcow2-layer';
import type { BaseImage, WritableFile } from '../../src/disk/types';
import { openNodeFile, type OpenMode } from '../../src/host/disk/node-file';
import { requireTool } from '../support/tools';

const noise = (length: number, seed: number): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let at = 0; at < words.length; at++) words[at] = state = Math.imul(state, 1664525) + 1013904223;
  return new Uint8Array(words.buffer, 0, length);
};

/** A file that dies after so many writes, as its process may, or its machine. */
class MortalFile extends MemoryFile {
  writesLeft = Infinity;
  private unflushed: { offset: number; bytes: Uint8Array }[] = [];
  private durable = new MemoryFile();

  override async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.writesLeft-- <= 0) throw new Error('killed');
    this.unflushed.push({ offset, bytes: bytes.slice() });
    return super.write(offset, bytes);
  }

  override async flush(): Promise<void> {
    if (this.writesLeft-- <= 0) throw new Error('killed');
    for (const { offset, bytes } of this.unflushed.splice(0)) await this.durable.write(offset, bytes);
  }

  /** What is found after the power went out: of what was not flushed, anything may be there. */
  async afterPowerLoss(random: (below: number) => number): Promise<MemoryFile> {
    const found = new MemoryFile();
    await found.write(0, await this.durable.read(0, this.durable.sizeBytes));
    for (const { offset, bytes } of this.unflushed) if (random(2) === 0) await found.write(offset, bytes);
    return found;
  }
}

const numbers = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const noBacking = async (): Promise<never> => {
  throw new Error('there is no backing image');
};

const imageOf = (bytes: Uint8Array): BaseImage => ({
  sizeBytes: bytes.length,
  read: async (offset, length) => bytes.slice(offset, offset + length),
});

/** Writes and flushes; `possible` begins with what was flushed last, and goes on with what was asked for since. */
async function history(layer: Qcow2Layer, possible: Uint8Array[]): Promise<void> {
  for (let round = 0; round < 16; round++) {
    const next = (possible.at(-1) ?? new Uint8Array()).slice();
    const offset = (round * 37 * 4096 + (round % 3) * 512) % (layer.sizeBytes - 65536);
    const zeroesAt = Math.max(0, offset - (offset % 4096) - 3 * 37 * 4096);
    const data = noise(round % 2 === 0 ? 12288 : 5 * 512, round);
    if (round % 4 === 3) next.fill(0, zeroesAt, zeroesAt + 16384);
    else next.set(data, offset);
    possible.push(next);
    if (round % 4 === 3) await layer.writeZeroes(zeroesAt, 16384);
    else await layer.write(offset, data);
    if (round % 3 !== 2) continue;
    await layer.flush();
    possible.splice(0, possible.length - 1);
  }
}

describe('qcow2 layer', function () {
  this.timeout(20_000);
  let folder = '';
  before(function () {
    requireTool(this, 'qemu-img', 'qemu-io');
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-layer-'));
  });
  const files: WritableFile[] = [];
  afterEach(async () => {
    for (const file of files.splice(0)) await file.close().catch(() => undefined);
  });
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  const qemuImg = (...args: string[]): string =>
    execFileSync('qemu-img', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe', timeout: 30_000 });
  const path = (name: string): string => join(folder, name);
  const opened = async (name: string, mode: OpenMode): Promise<WritableFile> => {
    const file = await openNodeFile(name, mode);
    files.push(file);
    return file;
  };

  /** No error and no leak, by exit status: 0 is clean, 2 errors, 3 leaks. */
  const assertClean = (name: string): void => void qemuImg('check', '-f', 'qcow2', name);

  /** What QEMU reads. */
  function judged(name: string, format = 'qcow2'): Buffer {
    qemuImg('convert', '-f', format, '-O', 'raw', name, 'judged.raw');
    return readFileSync(path('judged.raw'));
  }

  async function saved(file: WritableFile, name: string): Promise<string> {
    writeFileSync(path(name), await file.read(0, file.sizeBytes));
    return name;
  }

  async function make(
    layer: NewLayer,
    name = 'layer.qcow2',
  ): Promise<{ layer: Qcow2Layer; file: MemoryFile }> {
    const file = new MemoryFile();
    return { layer: await Qcow2Layer.create(file, name, layer), file };
  }

  for (const clusterBits of [12, 13, 14, 15, 16, 17, 18, 19, 20, 21]) {
    it(`writes what QEMU finds clean and reads alike: clusters of ${2 ** (clusterBits - 10)} KiB`, async () => {
      const size = (5 << 20) + 1536;
      const model = new Uint8Array(size);
      const { layer, file } = await make({ sizeBytes: size, clusterBits });
      const put = async (offset: number, data: Uint8Array): Promise<void> => {
        model.set(data, offset);
        await layer.write(offset, data);
      };
      await put(0, noise(512, 1));
      await put(100 * 512, noise(300_032, 2));
      await put(size - 512, noise(512, 3));
      await put((1 << 20) + 512, noise(1 << 20, 4));
      await layer.flush();
      await layer.writeZeroes(120 * 512, 70 * 512);
      model.fill(0, 120 * 512, 190 * 512);
      await layer.writeZeroes(1 << 21, size - (1 << 21));
      model.fill(0, 1 << 21);
      await put((1 << 21) + 1024, noise(9 * 512, 5));
      assert.ok(Buffer.compare(await layer.read(0, size), model) === 0);
      await layer.flush();
      assertClean(await saved(file, 'layer.qcow2'));
      assert.ok(judged('layer.qcow2').equals(model));
    });
  }

  it('shows the image underneath until it holds something itself, and never changes it', async () => {
    const size = 1 << 20;
    const base = noise(size, 9);
    writeFileSync(path('base.raw'), base);
    const { image } = await openImage(path('base.raw'), 'raw', (name) => opened(name, 'read'));
    const layer = await Qcow2Layer.create(await opened(path('cow.qcow2'), 'create'), 'cow.qcow2', {
      sizeBytes: size,
      backing: { name: 'base.raw', format: 'raw', image },
    });
    const model = base.slice();
    for (const [offset, length] of [
      [512, 512],
      [65536 * 3 - 512, 1024],
      [65536 * 8, 65536],
    ] as const) {
      model.set(noise(length, offset), offset);
      await layer.write(offset, noise(length, offset));
    }
    await layer.discard(65536 * 10 - 512, 65536 + 1024);
    model.fill(0, 65536 * 10, 65536 * 11);
    assert.ok(Buffer.compare(await layer.read(0, size), model) === 0);
    const held: number[] = [];
    for await (const { offset } of layer.held()) held.push(offset / 65536);
    assert.deepEqual(held, [0, 2, 3, 8, 10]);
    await layer.close();
    assertClean('cow.qcow2');
    assert.match(qemuImg('info', 'cow.qcow2'), /backing file format: raw/);
    assert.ok(judged('cow.qcow2').equals(model));
    assert.ok(readFileSync(path('base.raw')).equals(base), 'the base is never written');
    const { image: again } = await openImage(path('cow.qcow2'), undefined, (name, from) =>
      opened(from === undefined ? name : path(name), 'read'),
    );
    assert.ok(Buffer.compare(await again.read(0, size), model) === 0);
  });

  it('goes on with images that qemu-img made, of any kind that it writes itself', async () => {
    const size = 1 << 20;
    const source = noise(size, 7).fill(0, 1000, 300_000);
    writeFileSync(path('source.raw'), source);
    for (const options of [
      ['-c'],
      ['-c', '-o', 'cluster_size=4k'],
      ['-o', 'compat=0.10'],
      ['-c', '-o', 'compression_type=zstd'],
      ['-o', 'cluster_size=512'],
    ]) {
      qemuImg('convert', '-f', 'raw', '-O', 'qcow2', ...options, 'source.raw', 'made.qcow2');
      const layer = await Qcow2Layer.open(await opened(path('made.qcow2'), 'write'), 'made', noBacking);
      assert.deepEqual(layer.repaired, { leaked: 0, undercounted: 0 }, options.join(' '));
      const model = source.slice();
      for (let round = 0; round < 20; round++) {
        const offset = ((round * 7919 * 512) % (size - 40_960)) & ~511;
        if (round % 4 === 3) {
          await layer.writeZeroes(offset, 40_960);
          model.fill(0, offset, offset + 40_960);
        } else {
          await layer.write(offset, noise(512 * (round + 1), round));
          model.set(noise(512 * (round + 1), round), offset);
        }
        if (round % 5 === 0) await layer.flush();
      }
      await layer.close();
      assertClean('made.qcow2');
      assert.ok(judged('made.qcow2').equals(model), options.join(' '));
    }
  });

  it('grows its table of reference counts', async () => {
    // Clusters of 512 bytes: a table of one cluster counts 8 MiB.
    qemuImg('create', '-f', 'qcow2', '-o', 'cluster_size=512', 'small.qcow2', '16M');
    const layer = await Qcow2Layer.open(await opened(path('small.qcow2'), 'write'), 'small', noBacking);
    const data = noise(16 << 20, 3);
    for (let at = 0; at < data.length; at += 1 << 20)
      await layer.write(at, data.subarray(at, at + (1 << 20)));
    await layer.close();
    assertClean('small.qcow2');
    assert.ok(judged('small.qcow2').equals(data));
  });

  it('takes clusters back that were given up', async () => {
    const { layer, file } = await make({ sizeBytes: 4 << 20 });
    for (let round = 0; round < 20; round++) {
      await layer.write(0, noise(4 << 20, round));
      await layer.flush();
      await layer.writeZeroes(0, 4 << 20);
      await layer.flush();
    }
    assert.ok(file.sizeBytes < 6 << 20, `${file.sizeBytes}`);
    assertClean(await saved(file, 'given.qcow2'));
  });

  it('puts another image underneath', async () => {
    const [below, other] = [await make({ sizeBytes: 1 << 20 }), await make({ sizeBytes: 1 << 20 })];
    await below.layer.write(0, noise(1 << 20, 1));
    await other.layer.write(0, noise(1 << 20, 1));
    for (const [name, { layer, file }] of [
      ['below.qcow2', below],
      ['other.qcow2', other],
    ] as const) {
      await layer.flush();
      await saved(file, name);
    }
    const { layer, file } = await make({
      sizeBytes: 1 << 20,
      backing: { name: 'below.qcow2', format: 'qcow2', image: below.layer },
    });
    await layer.write(65536, noise(512, 2));
    for (const name of ['other.qcow2', 'below.qcow2', 'other.qcow2', undefined]) {
      await layer.rebase(name === undefined ? undefined : { name, format: 'qcow2', image: other.layer });
      await saved(file, 'moved.qcow2');
      assertClean('moved.qcow2');
      const info = qemuImg('info', 'moved.qcow2');
      if (name === undefined) assert.doesNotMatch(info, /backing/);
      else assert.match(info, new RegExp(`backing file: ${name}`));
    }
    assert.deepEqual(await layer.read(0, 512), new Uint8Array(512), 'nothing is underneath any more');
  });

  it('refuses to write what it cannot write right', async () => {
    qemuImg('create', '-f', 'qcow2', 'snapshot.qcow2', '1M');
    qemuImg('snapshot', '-c', 'one', 'snapshot.qcow2');
    qemuImg('create', '-f', 'qcow2', '-o', 'refcount_bits=8', 'counts.qcow2', '1M');
    for (const [name, code] of [
      ['snapshot.qcow2', 'QCOW2_READ_ONLY'],
      ['counts.qcow2', 'QCOW2_REFCOUNTS'],
    ] as const) {
      await assert.rejects(Qcow2Layer.open(await opened(path(name), 'write'), name, noBacking), { code });
    }
    const long = 'x'.repeat(2000);
    const image = imageOf(new Uint8Array(512));
    await assert.rejects(make({ sizeBytes: 512, backing: { name: long, format: 'raw', image } }), {
      code: 'QCOW2_NAME',
    });
  });

  it('is silent after an error of the device, and whole when it is opened again', async () => {
    const file = new MortalFile();
    const layer = await Qcow2Layer.create(file, 'layer', { sizeBytes: 1 << 20 });
    await layer.write(0, noise(65536, 1));
    await layer.flush();
    file.writesLeft = 0;
    await assert.rejects(layer.write(65536, noise(65536, 2)), /killed/);
    file.writesLeft = Infinity;
    await assert.rejects(layer.write(0, noise(512, 3)), { code: 'QCOW2_WRITE' });
    await assert.rejects(layer.flush(), { code: 'QCOW2_WRITE' });
    const again = await Qcow2Layer.open(file, 'layer', noBacking);
    assert.ok(Buffer.compare(await again.read(0, 65536), noise(65536, 1)) === 0);
  });

  for (const death of ['kill', 'power loss'] as const) {
    it(`is valid after a ${death} at any write, and holds what was flushed`, async () => {
      const base = noise(1 << 20, 77);
      writeFileSync(path('base.raw'), base);
      const image = imageOf(base);
      const backing = { name: path('base.raw'), format: 'raw', image } as const;
      const random = numbers(death.length);
      let leaks = 0;
      let died = true;
      for (let writes = 0; died; writes++) {
        const file = new MortalFile();
        const layer = await Qcow2Layer.create(file, 'layer', {
          sizeBytes: base.length,
          clusterBits: 12,
          backing,
        });
        // What a sector may hold: what was flushed, or what was written there since.
        const possible = [base.slice()];
        file.writesLeft = writes;
        died = await history(layer, possible).then(
          () => false,
          (error: unknown) => {
            assert.match(String(error), /killed/);
            return true;
          },
        );
        file.writesLeft = Infinity;
        for (let chance = 0; chance < (death === 'kill' ? 1 : 4); chance++) {
          const found = death === 'kill' ? file : await file.afterPowerLoss(random);
          const again = await Qcow2Layer.open(found, 'layer', async () => image);
          assert.equal(again.repaired.undercounted, 0, `after ${writes} writes`);
          leaks += again.repaired.leaked;
          const contents = Buffer.from(await again.read(0, base.length));
          for (let at = 0; at < base.length; at += 512) {
            const is = contents.subarray(at, at + 512);
            if (!possible.some((one) => is.equals(one.subarray(at, at + 512)))) {
              assert.fail(`sector ${at / 512} after ${writes} writes`);
            }
          }
          if (writes % 10 === 0 || !died) assertClean(await saved(found, 'mortal.qcow2'));
        }
      }
      assert.ok(leaks > 0, 'some of the moments left leaks, which were taken back');
    });
  }

  it('does what an array does, for any history', async () => {
    const sectors = 700;
    const size = sectors * 512;
    const base = noise(size, 5);
    const image = imageOf(base);
    writeFileSync(path('base.raw'), base);
    const step = fc.record({
      op: fc.constantFrom('write', 'write', 'zeroes', 'discard', 'flush', 'reopen'),
      first: fc.nat(sectors - 1),
      count: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 500 })),
      seed: fc.nat(),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const file = new MemoryFile();
        const backing = { name: path('base.raw'), format: 'raw', image } as const;
        let layer = await Qcow2Layer.create(file, 'l', { sizeBytes: size, clusterBits: 12, backing });
        const model = base.slice();
        for (const { op, first, count, seed } of steps) {
          const offset = first * 512;
          const length = Math.min(count * 512, size - offset);
          if (op === 'write') {
            await layer.write(offset, noise(length, seed));
            model.set(noise(length, seed), offset);
          } else if (op === 'zeroes') {
            await layer.writeZeroes(offset, length);
            model.fill(0, offset, offset + length);
          } else if (op === 'discard') {
            await layer.discard(offset, length);
            const from = Math.ceil(offset / 4096) * 4096;
            const to = offset + length === size ? size : Math.floor((offset + length) / 4096) * 4096;
            if (to > from) model.fill(0, from, to);
          } else {
            await layer.flush();
            if (op === 'reopen') layer = await Qcow2Layer.open(file, 'l', async () => image);
          }
          assert.ok(
            Buffer.compare(await layer.read(offset, length), model.subarray(offset, offset + length)) === 0,
          );
        }
        assert.ok(Buffer.compare(await layer.read(0, size), model) === 0);
        if (round++ % 10 !== 0) return;
        await layer.flush();
        assertClean(await saved(file, 'any.qcow2'));
        assert.ok(judged('any.qcow2').equals(model));
      }),
      { numRuns: 120, seed: 20 },
    );
  });
});
