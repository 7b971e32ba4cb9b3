/** Names as the bytes that they are in string tables: compared and searched without making texts of them. */

const encoder = new TextEncoder();

/** With the NUL at its end, as in a table. */
export const bytesOf = (name: string): Uint8Array => encoder.encode(`${name}\0`);

/** Bytes that count for a hash, and for equality. Damaged tables have names as long as the table, thousands of times. */
const MAX_HASHED = 512;
const MAX_COMPARED = 16_384;

/** Of the name at `at`, up to its NUL (FNV-1a). */
export const hashOf = (bytes: Uint8Array, at: number): number => {
  let hash = 0x811c_9dc5;
  const end = Math.min(bytes.length, at + MAX_HASHED);
  for (let i = at; i < end && bytes[i] !== 0; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x0100_0193);
  return (hash ^ (hash >>> 15)) >>> 0;
};

/** Whether two names are the same. Tables may end without a NUL. */
export const bytesEqual = (a: Uint8Array, at: number, b: Uint8Array, from = 0): boolean => {
  for (let i = 0; i < MAX_COMPARED; i++) {
    const left = a[at + i] ?? 0;
    if (left !== (b[from + i] ?? 0)) return false;
    if (left === 0) return true;
  }
  return true;
};
