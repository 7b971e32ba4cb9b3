/**
 * Content hashes and compression of what the store keeps. An instance has memory of its own and is used by one thread.
 *
 * The hash is the first 128 bits of BLAKE2b-512: cryptographic, so that two contents with one hash need not be feared
 * (2^64 work to make them) and a guest cannot make another guest's page be taken for its own. That is why a page found
 * by its hash is not compared byte by byte.
 */
import { invariant, userError } from '../../base/errors';
import {
  buildCodec,
  DIGEST,
  INPUT,
  MAX_INPUT_BYTES,
  MEMORY_PAGES,
  OUTPUT,
  OUTPUT_BYTES,
  type CodecExports,
} from './codec-module';

export const HASH_BYTES = 16;
/** Largest content of one object. */
export const MAX_OBJECT_BYTES = MAX_INPUT_BYTES;

/** How an object's bytes are stored. */
export const Coding = { raw: 0, lz4: 1 } as const;
export type Coding = (typeof Coding)[keyof typeof Coding];

let compiled: WebAssembly.Module | undefined;

export class Codec {
  private readonly u8: Uint8Array;
  private readonly u32: Uint32Array;
  private readonly exports: CodecExports;
  private loaded = 0;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    compiled ??= new WebAssembly.Module(buildCodec());
    const instance = new WebAssembly.Instance(compiled, { env: { memory } });
    this.exports = instance.exports as unknown as CodecExports;
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
  }

  /** Copies content in (also from shared memory), for isZero, hash and compress. */
  load(content: Uint8Array): void {
    invariant(content.length <= MAX_OBJECT_BYTES, 'an object fits the codec');
    this.u8.set(content, INPUT);
    const block = Math.ceil(content.length / 128) * 128;
    this.u8.fill(0, INPUT + content.length, INPUT + block);
    this.loaded = content.length;
  }

  isZero(): boolean {
    const words = Math.ceil(this.loaded / 4);
    for (let i = 0; i < words; i++) if (this.u32[INPUT / 4 + i] !== 0) return false;
    return true;
  }

  /** The hash of what is loaded: valid until the next call. */
  hash(): Uint8Array {
    this.exports.digest(this.loaded);
    return this.u8.subarray(DIGEST, DIGEST + HASH_BYTES);
  }

  /** What is loaded, in the shortest form: valid until the next call. */
  compress(): { coding: Coding; bytes: Uint8Array } {
    const length = this.exports.compress(this.loaded);
    return length < this.loaded
      ? { coding: Coding.lz4, bytes: this.u8.subarray(OUTPUT, OUTPUT + length) }
      : { coding: Coding.raw, bytes: this.u8.subarray(INPUT, INPUT + this.loaded) };
  }

  /** The content, which must have `length` bytes and this hash. Throws UserError 'STORE_DAMAGED'. */
  restore(coding: number, stored: Uint8Array, length: number, hash: Uint8Array): Uint8Array {
    const content = this.decode(coding, stored, length);
    this.load(content);
    const actual = this.hash();
    for (let i = 0; i < HASH_BYTES; i++) if (actual[i] !== hash[i]) throw damaged();
    return content;
  }

  private decode(coding: number, stored: Uint8Array, length: number): Uint8Array {
    if (length > MAX_OBJECT_BYTES || stored.length > MAX_OBJECT_BYTES) throw damaged();
    if (coding === Coding.raw) {
      if (stored.length !== length) throw damaged();
      return new Uint8Array(stored);
    }
    if (coding !== Coding.lz4) throw damaged();
    this.load(stored);
    if (this.exports.decompress(stored.length, Math.min(length, OUTPUT_BYTES)) !== length) throw damaged();
    return this.u8.slice(OUTPUT, OUTPUT + length);
  }
}

const damaged = (): Error =>
  userError('STORE_DAMAGED', 'A record of the checkpoint store is damaged: what needs it cannot be read.');
