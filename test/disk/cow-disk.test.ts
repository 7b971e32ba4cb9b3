import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DiskContents, DiskPort } from '../../src/machine/device';
import { CowDisk, type CowContents } from '../../src/disk/cow-disk';
import { MemoryImage } from '../../src/disk/images';
import type { BaseImage, DiskRequest, DiskResult } from '../../src/disk/types';

const BLOCK = 4096;
const SECTORS = 43; // five blocks and a part of one
const SIZE = SECTORS * 512;

// The room of the machine and that of the disks do not know each other: what fits is held here.
const asPort = (disk: CowDisk): DiskPort => disk;
const asContents = (contents: CowContents): DiskContents => contents;

const pattern = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, at) => (at * 7 + (at >> 9)) & 0xff);

async function run(disk: CowDisk, request: DiskRequest): Promise<DiskResult> {
  const operation = asPort(disk).begin(request);
  await operation.whenReady();
  return operation.complete();
}

const write = (disk: CowDisk, sector: number, data: Uint8Array) =>
  run(disk, { op: 'write', offset: sector * 512, data });

async function read(disk: CowDisk, sector: number, count: number): Promise<Uint8Array> {
  const result = await run(disk, { op: 'read', offset: sector * 512, length: count * 512 });
  assert.ok(result.ok && result.data);
  return result.data;
}

const sectors = (fill: number, count = 1) => new Uint8Array(512 * count).fill(fill);

/** A base whose reads the test lets go, in any order. */
class HeldImage implements BaseImage {
  readonly sizeBytes = SIZE;
  readonly held: { readonly go: () => void; readonly fail: (message: string) => void }[] = [];
  private readonly bytes = pattern();

  read(offset: number, length: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.held.push({
        go: () => resolve(this.bytes.slice(offset, offset + length)),
        fail: (message) => reject(new Error(message)),
      });
    });
  }
}

/** Lets the promises that are settled by now do their work. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('COW disk', () => {
  it('shows the base until something is written, and never changes it (S5)', async () => {
    const base = pattern();
    const disk = new CowDisk(new MemoryImage(base));
    assert.deepEqual(await read(disk, 0, SECTORS), pattern());
    await write(disk, 7, sectors(1, 3));
    const expected = pattern();
    expected.fill(1, 7 * 512, 10 * 512);
    assert.deepEqual(await read(disk, 0, SECTORS), expected);
    assert.deepEqual(base, pattern());
  });

  it('goes back to what was frozen, over and over', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    await write(disk, 0, sectors(1));
    const one = disk.freeze();
    await write(disk, 0, sectors(2));
    const two = disk.freeze();
    await write(disk, 1, sectors(3));
    for (const [contents, first] of [
      [one, 1],
      [two, 2],
      [one, 1],
    ] as const) {
      disk.thaw(contents);
      assert.equal((await read(disk, 0, 1))[0], first);
      assert.deepEqual(await read(disk, 1, 1), pattern().slice(512, 1024));
      await write(disk, 1, sectors(9));
    }
  });

  it('refuses writes when it is read-only', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()), { readOnly: true });
    const result = await write(disk, 0, sectors(1));
    assert.equal(result.ok, false);
    assert.deepEqual(await read(disk, 0, 1), pattern().slice(0, 512));
  });

  it('refuses requests that are not whole sectors inside the disk', () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    for (const [offset, length] of [
      [1, 512],
      [0, 100],
      [SIZE, 512],
      [-512, 512],
    ] as const) {
      assert.throws(() => disk.begin({ op: 'read', offset, length }), { name: 'InvariantError' });
    }
  });

  it('needs no base for whole blocks and for what it holds', () => {
    const base = new HeldImage();
    const disk = new CowDisk(base);
    const whole = disk.begin({ op: 'write', offset: BLOCK, data: new Uint8Array(BLOCK) });
    assert.equal(whole.ready, true);
    whole.complete();
    assert.equal(disk.begin({ op: 'read', offset: BLOCK, length: BLOCK }).ready, true);
    assert.equal(disk.begin({ op: 'write', offset: BLOCK + 512, data: sectors(1) }).ready, true);
    assert.equal(disk.begin({ op: 'writeZeroes', offset: 0, length: 2 * BLOCK }).ready, true);
    assert.equal(base.held.length, 0);
  });

  it('passes on what the host could not read', async () => {
    const base = new HeldImage();
    const disk = new CowDisk(base);
    const operation = disk.begin({ op: 'read', offset: 0, length: 512 });
    base.held[0]?.fail('bad sector');
    await operation.whenReady();
    assert.deepEqual(operation.complete(), { ok: false, error: 'bad sector' });
  });
});

describe('COW disk with pending requests', () => {
  it('S13: a read pending before a write sees the old contents, whoever is ready first', async () => {
    const base = new HeldImage();
    const disk = new CowDisk(base);
    const reading = disk.begin({ op: 'read', offset: 0, length: 512 });
    const writing = disk.begin({ op: 'write', offset: 0, data: sectors(5) });
    base.held[1]?.go();
    await settle();
    assert.deepEqual([reading.ready, writing.ready], [false, true]);
    base.held[0]?.go();
    await reading.whenReady();
    const result = reading.complete();
    writing.complete();
    assert.ok(result.ok);
    assert.deepEqual(result.data, pattern().slice(0, 512));
    assert.equal((await peekHeld(disk, 0))[0], 5);
  });

  it('S14: two pending writes to one block both survive, in the order of completion', async () => {
    const base = new HeldImage();
    const disk = new CowDisk(base);
    const first = disk.begin({ op: 'write', offset: 512, data: sectors(1, 2) });
    const second = disk.begin({ op: 'write', offset: 1024, data: sectors(2, 2) });
    for (const held of base.held.reverse()) held.go();
    await settle();
    first.complete();
    second.complete();
    const expected = pattern().slice(0, BLOCK);
    expected.fill(1, 512, 1024);
    expected.fill(2, 1024, 2048);
    assert.deepEqual(await peekHeld(disk, 0), expected);
  });

  it('S14: they do also when the disk is frozen between the two', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const first = disk.begin({ op: 'write', offset: 512, data: sectors(1, 2) });
    const second = disk.begin({ op: 'write', offset: 1024, data: sectors(2, 2) });
    await settle();
    first.complete();
    const frozen = disk.freeze();
    // It fills the block of a new layer, long after it has fetched what the base has there.
    second.complete();
    const expected = pattern().slice(0, BLOCK);
    expected.fill(1, 512, 1024);
    expected.fill(2, 1024, 2048);
    assert.deepEqual(await peekHeld(disk, 0), expected);
    disk.thaw(frozen);
    expected.fill(1, 512, 1536);
    expected.set(pattern().subarray(1536, 2048), 1536);
    assert.deepEqual(await peekHeld(disk, 0), expected);
  });

  it('S7: a write of a whole block takes effect when it completes, though it waits for nothing', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const writing = disk.begin({ op: 'write', offset: BLOCK, data: sectors(3, 8) });
    assert.equal(writing.ready, true);
    assert.deepEqual(await read(disk, 8, 8), pattern().slice(BLOCK, 2 * BLOCK));
    writing.complete();
    assert.deepEqual(await read(disk, 8, 8), sectors(3, 8));
  });

  it('S7, S8: a write pending at the freeze reaches both worlds once, a new one the present only', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const request = { op: 'write', offset: 0, data: sectors(7) } as const;
    const pending = disk.begin(request);
    const frozen = disk.freeze();
    await pending.whenReady();
    pending.complete();
    await write(disk, 8, sectors(8));
    assert.deepEqual([(await read(disk, 0, 1))[0], (await read(disk, 8, 1))[0]], [7, 8]);
    disk.thaw(frozen);
    assert.deepEqual(await read(disk, 0, SECTORS), pattern(), 'frozen without it: it is in the device state');
    await run(disk, request);
    assert.deepEqual([(await read(disk, 0, 1))[0], (await read(disk, 8, 8 + 1))[0]], [7, pattern()[8 * 512]]);
  });

  it('a request begun before going back has no effect any more', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const frozen = disk.freeze();
    const operation = disk.begin({ op: 'write', offset: 0, data: sectors(1) });
    await operation.whenReady();
    operation.cancel();
    disk.thaw(frozen);
    assert.throws(() => operation.complete(), { name: 'InvariantError' });
    const forgotten = disk.begin({ op: 'write', offset: 0, data: sectors(1) });
    await forgotten.whenReady();
    disk.thaw(frozen);
    assert.throws(() => forgotten.complete(), { name: 'InvariantError' }, 'also one that was not cancelled');
    assert.deepEqual(await read(disk, 0, 1), pattern().slice(0, 512));
  });

  /** A block that a layer holds, without the base. */
  async function peekHeld(disk: CowDisk, block: number): Promise<Uint8Array> {
    const operation = disk.begin({ op: 'read', offset: block * BLOCK, length: BLOCK });
    assert.equal(operation.ready, true);
    const result = operation.complete();
    assert.ok(result.ok && result.data);
    return result.data;
  }
});

describe('COW disk with many checkpoints', () => {
  it('stays as deep as the checkpoints that are kept', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const kept: CowContents[] = [];
    for (let round = 0; round < 500; round++) {
      await write(disk, round % SECTORS, sectors(round));
      kept.push(disk.freeze());
      if (kept.length > 5) kept.splice(round % 5, 1)[0]?.release();
      assert.ok(disk.depth <= 7, `depth ${disk.depth} with ${kept.length} checkpoints`);
    }
    for (const contents of kept) contents.release();
    assert.equal(disk.depth, 1);
    assert.equal((await read(disk, 499 % SECTORS, 1))[0], 499 & 0xff);
  });

  it('makes no layer where nothing was written', () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const many = Array.from({ length: 100 }, () => disk.freeze());
    assert.ok(disk.depth <= 2);
    for (const contents of many) contents.release();
    assert.throws(() => many[0]?.hash(), { name: 'InvariantError' });
  });

  it('goes back through thousands of layers', async () => {
    const disk = new CowDisk(new MemoryImage(pattern()));
    const first = disk.freeze();
    for (let round = 0; round < 20_000; round++) {
      const operation = disk.begin({ op: 'writeZeroes', offset: (round % 5) * BLOCK, length: BLOCK });
      operation.complete();
      disk.freeze();
    }
    disk.thaw(first);
    assert.deepEqual(await read(disk, 0, SECTORS), pattern());
  });

  it('has one hash for the same contents, however they came to be', async () => {
    const one = new CowDisk(new MemoryImage(pattern()));
    const other = new CowDisk(new MemoryImage(pattern()));
    await write(one, 1, sectors(1));
    await write(one, 9, sectors(2));
    await write(other, 9, sectors(77));
    const held = other.freeze();
    await write(other, 9, sectors(2));
    await write(other, 1, sectors(1));
    const same = asContents(one.freeze()).hash();
    assert.match(same, /^[0-9a-f]{16}$/);
    assert.equal(asContents(other.freeze()).hash(), same);
    assert.notEqual(held.hash(), same);
    await run(one, { op: 'writeZeroes', offset: BLOCK, length: BLOCK });
    await write(other, 8, sectors(0, 8));
    assert.equal(one.freeze().hash(), other.freeze().hash(), 'zeroes are zeroes');
    assert.equal(new CowDisk(new MemoryImage(pattern())).freeze().hash(), '0000000000000000');
  });
});

describe('COW disk against simple arrays', () => {
  const place = fc.tuple(fc.nat(SECTORS - 1), fc.integer({ min: 1, max: 20 }));
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), place, fill: fc.nat(255) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('zero' as const), place }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('discard' as const), place }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('freeze' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('thaw' as const), which: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat() }) },
  );

  it('does the same for any history of writes, freezes, thaws and releases', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const disk = new CowDisk(new MemoryImage(pattern()));
        let model = pattern();
        const frozen: { contents: CowContents; model: Uint8Array; hash: string | undefined }[] = [];
        for (const [index, now] of steps.entries()) {
          if (now.do === 'freeze') {
            const contents = disk.freeze();
            // Hashes are kept once computed: some are asked for early, some late.
            const hash = index % 2 === 0 ? contents.hash() : undefined;
            if (hash !== undefined) assert.equal(disk.contentHash(), hash);
            frozen.push({ contents, model: model.slice(), hash });
          } else if (now.do === 'thaw') {
            const target = frozen[now.which % frozen.length];
            if (target === undefined) continue;
            disk.thaw(target.contents);
            model = target.model.slice();
          } else if (now.do === 'release') {
            frozen.splice(now.which % Math.max(1, frozen.length), 1)[0]?.contents.release();
          } else {
            const [first, count] = now.place;
            const length = Math.min(count, SECTORS - first) * 512;
            const offset = first * 512;
            const data = new Uint8Array(length).fill(now.do === 'write' ? now.fill : 0);
            if (now.do === 'write') await run(disk, { op: 'write', offset, data });
            else await run(disk, { op: now.do === 'zero' ? 'writeZeroes' : 'discard', offset, length });
            if (now.do !== 'discard') model.set(data, offset);
          }
          assert.deepEqual(await read(disk, 0, SECTORS), model);
          assert.ok(disk.depth <= 2 * frozen.length + 2);
        }
        for (const { contents, model: expected, hash } of frozen) {
          assert.equal(contents.hash(), hash ?? contents.hash());
          disk.thaw(contents);
          assert.deepEqual(await read(disk, 0, SECTORS), expected);
          const again = disk.freeze();
          assert.equal(again.hash(), contents.hash());
          assert.equal(disk.contentHash(), contents.hash());
          again.release();
        }
      }),
      { numRuns: 150 },
    );
  });
});
