/** 64-bit hashes of small plain data, on 32-bit halves; the same on every host. Not cryptographic. */
import type { SectionData } from './device';

export class Hasher {
  private a = 0x9e3779b1;
  private b = 0x85ebca6b;

  word(value: number): void {
    this.a = Math.imul(this.a ^ value, 0xcc9e2d51);
    this.a = (this.a << 13) | (this.a >>> 19);
    this.b = Math.imul(this.b ^ this.a ^ (value >>> 16), 0x1b873593);
    this.b = (this.b << 17) | (this.b >>> 15);
  }

  bytes(bytes: Uint8Array): void {
    this.word(bytes.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) this.word(view.getUint32(at, true));
    for (; at < bytes.length; at++) this.word(bytes[at] ?? 0);
  }

  text(text: string): void {
    this.word(text.length);
    for (let at = 0; at < text.length; at++) this.word(text.charCodeAt(at));
  }

  bigint(value: bigint): void {
    this.text(value.toString(16));
  }

  data(value: SectionData): void {
    if (value === null) this.word(0);
    else if (typeof value === 'boolean') this.word(value ? 2 : 1);
    else if (typeof value === 'number') this.text(String(value));
    else if (typeof value === 'bigint') this.bigint(value);
    else if (typeof value === 'string') this.text(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) {
      this.word(value.length);
      for (const item of value as readonly SectionData[]) this.data(item);
    } else {
      const entries = Object.entries(value as { readonly [key: string]: SectionData });
      this.word(entries.length);
      for (const [key, item] of entries.sort(([x], [y]) => (x < y ? -1 : 1))) {
        this.text(key);
        this.data(item);
      }
    }
  }

  /** 16 hex digits. */
  digest(): string {
    const mix = (h: number): number => {
      const x = Math.imul(h ^ (h >>> 16), 0x7feb352d);
      const y = Math.imul(x ^ (x >>> 15), 0x846ca68b);
      return (y ^ (y >>> 16)) >>> 0;
    };
    const hex = (value: number): string => value.toString(16).padStart(8, '0');
    return hex(mix(this.a ^ Math.imul(this.b, 5))) + hex(mix(this.b));
  }
}
