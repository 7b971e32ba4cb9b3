/**
 * Reads the symbol table that Linux carries in itself (CONFIG_KALLSYMS) out of a raw kernel Image, since Debian's kernel
 * packages have no real System.map. Layout as written by scripts/kallsyms.c of Linux 6.4 to 6.12: num_syms, names,
 * markers, token_table, token_index, offsets, relative_base; each aligned to 8 bytes. Nothing points at them, so the
 * tables are found by their shape and every guess is checked against the others.
 */

export interface KernelSymbol {
  readonly address: bigint;
  /** The letter of nm(1): T or t for code. */
  readonly type: string;
  readonly name: string;
}

const align8 = (offset: number): number => (offset + 7) & ~7;

interface Tokens {
  readonly start: number;
  /** Offset behind the token index. */
  readonly end: number;
  readonly texts: readonly string[];
}

/** Reads 256 strings from `start`; undefined unless the index of 16-bit offsets follows that fits them. */
function readTokens(image: Buffer, start: number): Tokens | undefined {
  const offsets: number[] = [];
  const texts: string[] = [];
  let at = start;
  for (let i = 0; i < 256; i++) {
    const end = image.indexOf(0, at);
    if (end < 0 || end - at > 64) return undefined;
    offsets.push(at - start);
    texts.push(image.toString('latin1', at, end));
    at = end + 1;
  }
  const index = align8(at);
  if (offsets.some((offset, i) => image.readUInt16LE(index + 2 * i) !== offset)) return undefined;
  return { start, end: align8(index + 512), texts };
}

/** The digits are tokens of themselves, which makes a rare pattern; the table begins 48 strings before. */
function findTokens(image: Buffer): Tokens {
  const digits = Buffer.from(`${Array.from('0123456789').join('\0')}\0`);
  for (let at = image.indexOf(digits); at >= 0; at = image.indexOf(digits, at + 1)) {
    for (let start = at & ~7; start > at - 48 * 64 && start >= 0; start -= 8) {
      const tokens = readTokens(image, start);
      if (tokens !== undefined) return tokens;
    }
  }
  throw new Error('no kallsyms token table found');
}

/** The markers end where the tokens begin and rise from 0: one for every 256 names. */
function findMarkers(image: Buffer, end: number): { start: number; count: number } {
  let at = end - 4;
  if (image.readUInt32LE(at) === 0) at -= 4;
  const last = at;
  while (at > 0 && image.readUInt32LE(at) > image.readUInt32LE(at - 4)) at -= 4;
  if (image.readUInt32LE(at) !== 0) throw new Error('no kallsyms markers found');
  return { start: at, count: (last - at) / 4 + 1 };
}

/** Decodes `count` names from `start`; undefined if they do not end at `end` (but for the alignment). */
function readNames(image: Buffer, start: number, end: number, count: number, texts: readonly string[]) {
  const names: string[] = [];
  let at = start;
  while (names.length < count) {
    let length = image.readUInt8(at++);
    if (length >= 0x80) length = (length & 0x7f) | (image.readUInt8(at++) << 7);
    if (at + length > end) return undefined;
    names.push([...image.subarray(at, at + length)].map((token) => texts[token] ?? '').join(''));
    at += length;
  }
  return align8(at) === end ? names : undefined;
}

/** All symbols in order of address. `image` is the raw Image; addresses are link addresses. Throws if it finds none. */
export function readKallsyms(image: Buffer): KernelSymbol[] {
  const tokens = findTokens(image);
  const markers = findMarkers(image, tokens.start);
  const lastMarker = image.readUInt32LE(markers.start + 4 * (markers.count - 1));
  // The remainder behind the last marker is at most 256 names of at most 512 bytes each.
  for (
    let start = markers.start - align8(lastMarker);
    start > markers.start - lastMarker - (1 << 17);
    start -= 8
  ) {
    const count = image.readUInt32LE(start - 8);
    if (Math.ceil(count / 256) !== markers.count || image.readUInt32LE(start - 4) !== 0) continue;
    const names = readNames(image, start, markers.start, count, tokens.texts);
    if (names === undefined) continue;
    const base = image.readBigUInt64LE(align8(tokens.end + 4 * count));
    return names.map((name, i) => ({
      address: base + BigInt(image.readUInt32LE(tokens.end + 4 * i)),
      type: name.slice(0, 1),
      name: name.slice(1),
    }));
  }
  throw new Error('no kallsyms names found');
}

/** As in the file System.map. */
export const systemMap = (symbols: readonly KernelSymbol[]): string =>
  symbols
    .map(({ address, type, name }) => `${address.toString(16).padStart(16, '0')} ${type} ${name}\n`)
    .join('');
