/**
 * Writes the WebAssembly module of the store's codec: BLAKE2b (RFC 7693) for content hashes, and the LZ4 block format
 * for pages. Both come from their specifications; test/checkpoint/store/codec.test.ts holds them to other
 * implementations. Memory: input | output | table of positions | digest, all at fixed places.
 */
import {
  i32,
  i64,
  I32T,
  ModuleBuilder,
  type FunctionBuilder,
  type I32,
  type I64,
  type Local,
} from '../../wasm';

/** Largest input of one call. */
export const MAX_INPUT_BYTES = 0x8000;
/** Not 0: looking one byte back from the input's first byte must not trap. */
export const INPUT = 0x80;
/** Incompressible input grows by 1 byte in 255; 4 KiB of slack is more than that. */
export const OUTPUT = 0x8100;
export const OUTPUT_BYTES = 0x9000;
const TABLE = 0x1_1100;
const TABLE_BITS = 12;
export const DIGEST = 0x1_3100;
const CHAIN = DIGEST + 64;
export const MEMORY_PAGES = 2;

export interface CodecExports {
  /** BLAKE2b-512 of the first `length` bytes of the input, to DIGEST. The input's last block is filled with zeroes. */
  digest(length: number): void;
  /** Input to output; returns the output's length. */
  compress(length: number): number;
  /** Input to output; returns the output's length, or -1 for what is no LZ4 block or makes more than `limit` bytes. */
  decompress(length: number, limit: number): number;
}

export function buildCodec(): Uint8Array<ArrayBuffer> {
  const m = new ModuleBuilder();
  m.importMemory({
    module: 'env',
    name: 'memory',
    initialPages: MEMORY_PAGES,
    maximumPages: MEMORY_PAGES,
    shared: false,
  });
  m.export('digest', m.function('digest', [I32T], undefined, emitDigest));
  m.export('compress', m.function('compress', [I32T], I32T, emitCompress));
  m.export('decompress', m.function('decompress', [I32T, I32T], I32T, emitDecompress));
  return m.encode();
}

// --- BLAKE2b

const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];

/** RFC 7693 2.7; rounds 10 and 11 use the first two again. */
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
] as const;

/** Which words of the state each of a round's eight mixings takes: columns, then diagonals. */
const MIXINGS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

function emitDigest(f: FunctionBuilder): void {
  const length = f.param(0, I32T);
  const at = f.let(i32(0));
  const done = f.let(i32(0));
  const v = Array.from({ length: 16 }, () => f.i64());
  IV.forEach((word, i) => {
    // Parameter block: 64 bytes of digest, no key, fanout and depth 1.
    f.store64(CHAIN, i64(BigInt.asIntN(64, i === 0 ? word ^ 0x0101_0040n : word)), 8 * i);
  });
  f.loop((head) => {
    const end = f.let(at.add(128));
    f.if(end.geU(length), () => {
      f.set(end, length);
      f.set(done, -1);
    });
    v.forEach((word, i) => {
      f.set(word, i < 8 ? i32(CHAIN).load64(8 * i) : i64(BigInt.asIntN(64, IV[i - 8] ?? 0n)));
    });
    const [, , , , , , , , , , , , v12, , v14] = v;
    if (v12 === undefined || v14 === undefined) return;
    f.set(v12, v12.xor(end.toI64U()));
    f.set(v14, v14.xor(done.toI64S()));
    for (let round = 0; round < 12; round++) emitRound(f, v, at, SIGMA[round % 10] ?? SIGMA[0]);
    for (let i = 0; i < 8; i++) {
      const [low, high] = [v[i], v[i + 8]];
      if (low && high)
        f.store64(
          CHAIN,
          i32(CHAIN)
            .load64(8 * i)
            .xor(low)
            .xor(high),
          8 * i,
        );
    }
    f.set(at, at.add(128));
    f.brIf(head, done.eqz());
  });
  for (let i = 0; i < 8; i++) f.store64(DIGEST, i32(CHAIN).load64(8 * i), 8 * i);
}

function emitRound(f: FunctionBuilder, v: Local<I64>[], at: I32, sigma: readonly number[]): void {
  MIXINGS.forEach((words, index) => {
    const [a, b, c, d] = words.map((word) => v[word]);
    if (!a || !b || !c || !d) return;
    const message = (which: number): I64 => at.load64(INPUT + 8 * (sigma[2 * index + which] ?? 0));
    f.set(a, a.add(b).add(message(0)));
    f.set(d, d.xor(a).rotl(32n));
    f.set(c, c.add(d));
    f.set(b, b.xor(c).rotl(40n));
    f.set(a, a.add(b).add(message(1)));
    f.set(d, d.xor(a).rotl(48n));
    f.set(c, c.add(d));
    f.set(b, b.xor(c).rotl(1n));
  });
}

// --- LZ4 block format

/** The format ends in at least 5 literals, and no match begins in the last 12 bytes. */
const LAST_LITERALS = 5;
const MATCH_MARGIN = 12;
const MIN_MATCH = 4;

function emitCompress(f: FunctionBuilder): void {
  const length = f.param(0, I32T);
  const at = f.let(i32(0));
  const anchor = f.let(i32(0));
  const out = f.let(i32(OUTPUT));
  const matchLimit = f.let(length.sub(LAST_LITERALS));
  const startLimit = f.let(length.sub(MATCH_MARGIN));
  f.memoryFill(TABLE, 0, 2 << TABLE_BITS);
  f.while(
    () => at.leS(startLimit),
    () => {
      const word = f.let(at.load32(INPUT));
      const slot = f.let(
        word
          .mul(0x9e37_79b1 | 0)
          .shrU(32 - TABLE_BITS)
          .shl(1),
      );
      const candidate = f.let(slot.load16U(TABLE));
      f.store16(slot, at, TABLE);
      f.if(
        candidate.ltU(at).and(candidate.load32(INPUT).eq(word)),
        () => {
          const end = f.let(at.add(MIN_MATCH));
          const from = f.let(candidate.add(MIN_MATCH));
          emitMatchLength(f, end, from, matchLimit);
          // Backwards too: what was passed as literals may belong to the match.
          f.while(
            () =>
              at
                .gtU(anchor)
                .and(candidate.ne(0))
                .and(at.load8U(INPUT - 1).eq(candidate.load8U(INPUT - 1))),
            () => {
              f.set(at, at.sub(1));
              f.set(candidate, candidate.sub(1));
            },
          );
          emitSequence(f, out, anchor, at, { offset: at.sub(candidate), length: end.sub(at) });
          f.set(at, end);
          f.set(anchor, end);
        },
        () => {
          f.set(at, at.add(1));
        },
      );
    },
  );
  emitSequence(f, out, anchor, length, undefined);
  f.return(out.sub(OUTPUT));
}

/** Moves `end` and `from` on while what they point at is equal, up to `limit`. */
function emitMatchLength(f: FunctionBuilder, end: Local<I32>, from: Local<I32>, limit: I32): void {
  f.block((found) => {
    // The loads may reach 7 bytes past the limit: there is memory, and the limit decides.
    f.while(
      () => end.ltS(limit),
      () => {
        const difference = f.let(end.load64(INPUT).xor(from.load64(INPUT)));
        f.if(difference.eqz().eqz(), () => {
          f.set(end, end.add(difference.ctz().toI32().shrU(3)));
          f.br(found);
        });
        f.set(end, end.add(8));
        f.set(from, from.add(8));
      },
    );
  });
  f.set(end, end.gtS(limit).select(limit, end));
}

/** Literals from `anchor` to `end`, then a match unless these are the last literals. */
function emitSequence(
  f: FunctionBuilder,
  out: Local<I32>,
  anchor: I32,
  end: I32,
  match: { offset: I32; length: I32 } | undefined,
): void {
  const literals = f.let(end.sub(anchor));
  const extra = f.let(match ? match.length.sub(MIN_MATCH) : i32(0));
  const upTo15 = (value: I32): I32 => value.ltU(15).select(value, 15);
  f.store8(out, upTo15(literals).shl(4).or(upTo15(extra)));
  f.set(out, out.add(1));
  emitLength(f, out, literals);
  f.memoryCopy(out, anchor.add(INPUT), literals);
  f.set(out, out.add(literals));
  if (!match) return;
  f.store16(out, match.offset);
  f.set(out, out.add(2));
  emitLength(f, out, extra);
}

function emitLength(f: FunctionBuilder, out: Local<I32>, value: I32): void {
  f.if(value.geU(15), () => {
    const rest = f.let(value.sub(15));
    f.while(
      () => rest.geU(255),
      () => {
        f.store8(out, 255);
        f.set(out, out.add(1));
        f.set(rest, rest.sub(255));
      },
    );
    f.store8(out, rest);
    f.set(out, out.add(1));
  });
}

function emitDecompress(f: FunctionBuilder): void {
  const inEnd = f.let(f.param(0, I32T).add(INPUT));
  const at = f.let(i32(INPUT));
  const out = f.let(i32(OUTPUT));
  const outEnd = f.let(f.param(1, I32T).add(OUTPUT));
  const failWhen = (condition: I32): void => {
    f.if(condition, () => {
      f.return(-1);
    });
  };
  const readLength = (length: Local<I32>): void => {
    f.if(length.eq(15), () => {
      const byte = f.i32();
      f.loop((head) => {
        failWhen(at.geU(inEnd));
        f.set(byte, at.load8U());
        f.set(at, at.add(1));
        f.set(length, length.add(byte));
        f.brIf(head, byte.eq(255));
      });
    });
  };
  f.loop((head) => {
    failWhen(at.geU(inEnd));
    const token = f.let(at.load8U());
    f.set(at, at.add(1));
    const literals = f.let(token.shrU(4));
    readLength(literals);
    failWhen(literals.gtU(inEnd.sub(at)).or(literals.gtU(outEnd.sub(out))));
    f.memoryCopy(out, at, literals);
    f.set(at, at.add(literals));
    f.set(out, out.add(literals));
    f.if(at.eq(inEnd), () => {
      f.return(out.sub(OUTPUT));
    });
    failWhen(inEnd.sub(at).ltU(2));
    const offset = f.let(at.load16U());
    f.set(at, at.add(2));
    const length = f.let(token.and(15));
    readLength(length);
    f.set(length, length.add(MIN_MATCH));
    failWhen(
      offset
        .eqz()
        .or(offset.gtU(out.sub(OUTPUT)))
        .or(length.gtU(outEnd.sub(out))),
    );
    // Byte by byte: a match may reach into what it is making.
    const end = f.let(out.add(length));
    f.loop((copy) => {
      f.store8(out, out.sub(offset).load8U());
      f.set(out, out.add(1));
      f.brIf(copy, out.ltU(end));
    });
    f.br(head);
  });
  f.unreachable();
}
