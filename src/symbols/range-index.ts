/**
 * Values by address ranges [start, end), which may nest and overlap. Built once, then looked up by binary search.
 */

export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

interface Entry<T> extends AddressRange {
  readonly value: T;
}

export class RangeIndex<T> {
  private readonly entries: readonly Entry<T>[];
  /** For entry i the greatest end among entries 0..i: where the walk backwards may stop. */
  private readonly maxEnd: readonly bigint[];

  constructor(entries: Iterable<{ start: bigint; end: bigint; value: T }>) {
    const sorted = [...entries].filter((entry) => entry.end > entry.start);
    // Of ranges with the same start the larger one comes first, so that the search meets the inner one first.
    sorted.sort((a, b) =>
      a.start < b.start ? -1 : a.start > b.start ? 1 : a.end > b.end ? -1 : a.end < b.end ? 1 : 0,
    );
    let max = 0n;
    this.maxEnd = sorted.map((entry) => (max = entry.end > max ? entry.end : max));
    this.entries = sorted;
  }

  get size(): number {
    return this.entries.length;
  }

  /** Every value whose range holds the address, the innermost (latest start) first. */
  *containing(address: bigint): Generator<T> {
    for (let i = this.lastStartingAtOrBefore(address); i >= 0; i--) {
      if ((this.maxEnd[i] ?? 0n) <= address) return;
      const entry = this.entries[i];
      if (entry !== undefined && entry.end > address) yield entry.value;
    }
  }

  find(address: bigint): T | undefined {
    for (const value of this.containing(address)) return value;
    return undefined;
  }

  private lastStartingAtOrBefore(address: bigint): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.entries[middle];
      if (entry !== undefined && entry.start <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
