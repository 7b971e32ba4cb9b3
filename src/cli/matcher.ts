/** Finds a text in a stream of bytes, one byte at a time (Knuth, Morris, Pratt). */
export class Matcher {
  private readonly fallback: number[] = [];
  private matched = 0;

  constructor(private readonly pattern: Uint8Array) {
    let length = 0;
    this.fallback[0] = 0;
    for (let index = 1; index < pattern.length; index++) {
      while (length > 0 && pattern[index] !== pattern[length]) length = this.fallback[length - 1] ?? 0;
      if (pattern[index] === pattern[length]) length++;
      this.fallback[index] = length;
    }
  }

  /** True when the pattern ends with this byte. An empty pattern never matches. */
  push(byte: number): boolean {
    while (this.matched > 0 && byte !== this.pattern[this.matched]) {
      this.matched = this.fallback[this.matched - 1] ?? 0;
    }
    if (byte === this.pattern[this.matched]) this.matched++;
    if (this.matched < this.pattern.length || this.pattern.length === 0) return false;
    this.matched = this.fallback[this.matched - 1] ?? 0;
    return true;
  }
}
