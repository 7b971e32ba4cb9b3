/** Hash and compression, held to other implementations; hostile input. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { Codec, Coding, MAX_OBJECT_BYTES } from '../../../src/checkpoint/store/codec';
import { decodeData, encodeData } from '../../../src/checkpoint/store/data';
import type { SectionData } from '../../../src/machine/device';
import { contentOf } from './support';

/** Decodes an LZ4 block as its specification words it; slow, and written apart from the one under test. */
function lz4Reference(block: Uint8Array): Uint8Array {
  const out: number[] = [];
  let at = 0;
  const next = (): number => block[at++] ?? assert.fail('the block ends early');
  const long = (start: number): number => {
    let length = start;
    if (start === 15) for (let byte = 255; byte === 255; length += byte) byte = next();
    return length;
  };
  for (;;) {
    const token = next();
    for (let left = long(token >> 4); left > 0; left--) out.push(next());
    if (at === block.length) return Uint8Array.from(out);
    const offset = next() + 256 * next();
    for (let left = long(token & 15) + 4; left > 0; left--)
      out.push(out.at(-offset) ?? assert.fail('offset'));
  }
}

const damaged = { code: 'STORE_DAMAGED' };
const text = (from: string): Uint8Array => new TextEncoder().encode(from);
const repetitive = fc
  .array(
    fc.tuple(
      fc.constantFrom('ab', '\0\0\0\0', 'kernel', 'x', '0123456789abcdef'),
      fc.integer({ min: 1, max: 90 }),
    ),
    {
      maxLength: 60,
    },
  )
  .map((parts) => text(parts.map(([part, times]) => part.repeat(times)).join('')).slice(0, MAX_OBJECT_BYTES));

describe('store: codec', () => {
  const codec = new Codec();

  it('hashes as node:crypto does (BLAKE2b-512)', () => {
    const sizes = [0, 1, 127, 128, 129, 255, 256, 4095, 4096, MAX_OBJECT_BYTES];
    for (const size of sizes) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) ^ (i >> 5));
      codec.load(bytes);
      const expected = createHash('blake2b512').update(bytes).digest('hex').slice(0, 32);
      assert.equal(Buffer.from(codec.hash()).toString('hex'), expected, `${size} bytes`);
    }
  });

  it('compresses to LZ4 blocks that a plain decoder reads, and reads them itself', () => {
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
        codec.load(bytes);
        const hash = codec.hash().slice();
        const { coding, bytes: view } = codec.compress();
        const stored = view.slice();
        assert.ok(stored.length <= bytes.length);
        if (coding === Coding.lz4) assert.deepEqual(lz4Reference(stored), bytes);
        assert.deepEqual(codec.restore(coding, stored, bytes.length, hash), bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('makes a repetitive page small', () => {
    codec.load(new Uint8Array(4096).fill(7));
    assert.ok(codec.compress().bytes.length < 40);
  });

  it('refuses any damaged block', () => {
    const page = contentOf(2);
    codec.load(page);
    const hash = codec.hash().slice();
    const stored = codec.compress().bytes.slice();
    fc.assert(
      fc.property(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const broken = stored.slice();
        broken[at] = (broken[at] ?? 0) ^ flip;
        // A block may be written in several ways: what decodes to the right content is right.
        try {
          assert.deepEqual(codec.restore(Coding.lz4, broken, 4096, hash), page);
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'STORE_DAMAGED');
        }
      }),
      { numRuns: 500 },
    );
    for (let length = 0; length < stored.length; length += 7) {
      assert.throws(() => codec.restore(Coding.lz4, stored.subarray(0, length), 4096, hash), damaged);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 0, max: 4 }), (noise, coding) => {
        assert.throws(() => codec.restore(coding, noise, 4096, hash), damaged);
      }),
    );
    assert.throws(
      () =>
        codec.restore(
          Coding.raw,
          page,
          4096,
          hash.map((byte) => byte ^ 1),
        ),
      damaged,
    );
  });
});

describe('store: plain data', () => {
  const plain = fc.letrec<{ data: SectionData }>((tie) => ({
    data: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.bigInt(),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array(),
      fc.array(tie('data'), { maxLength: 5 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('data'), {
        maxKeys: 5,
        noNullPrototype: true,
      }),
    ),
  })).data;

  it('comes back as it was, bigints and numbers apart', () => {
    fc.assert(fc.property(plain, (data) => assert.deepEqual(decodeData(encodeData(data)), data)));
    assert.ok(Object.is(decodeData(encodeData(-0)), -0));
    assert.equal(decodeData(encodeData(5n)), 5n);
  });

  it('is CBOR as RFC 8949 appendix A has it', () => {
    const examples: [SectionData, string][] = [
      [0, '00'],
      [23, '17'],
      [24, '1818'],
      [1000000, '1a000f4240'],
      [1000000000000, '1b000000e8d4a51000'],
      [18446744073709551616n, 'c249010000000000000000'],
      [-18446744073709551617n, 'c349010000000000000000'],
      [-1, '20'],
      [-1000, '3903e7'],
      [1.1, 'fb3ff199999999999a'],
      [false, 'f4'],
      [true, 'f5'],
      [null, 'f6'],
      [new Uint8Array([1, 2, 3, 4]), '4401020304'],
      ['IETF', '6449455446'],
      ['\u6c34', '63e6b0b4'],
      [[1, [2, 3], [4, 5]], '8301820203820405'],
      [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
    ];
    for (const [data, hex] of examples) {
      assert.equal(Buffer.from(encodeData(data)).toString('hex'), hex);
      assert.deepEqual(decodeData(Buffer.from(hex, 'hex')), data);
    }
  });

  it('refuses what is no such data', () => {
    const tryOut = (bytes: Uint8Array): void => {
      try {
        decodeData(bytes);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'STORE_DAMAGED', String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), tryOut), { numRuns: 2000 });
    tryOut(new Uint8Array(100_000).fill(0x81));
    tryOut(new Uint8Array([0x9b, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    assert.throws(() => decodeData(new Uint8Array(100_000).fill(0x81)), damaged);
  });
});
