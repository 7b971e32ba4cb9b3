/**
 * Where the statements of a source file begin, by line. Of a header that a kernel's every unit has there are millions, so an
 * address takes the eight bytes that it needs.
 */
import type { FileRow } from './dwarf/line-table';

export class FileRows {
  private readonly byLine = new Map<number, Addresses>();
  private sorted: readonly number[] | undefined;

  add({ line, address }: FileRow): void {
    let addresses = this.byLine.get(line);
    if (addresses === undefined) {
      this.byLine.set(line, (addresses = new Addresses()));
      this.sorted = undefined;
    }
    addresses.push(address);
  }

  /** 1-based, ascending. */
  get lines(): readonly number[] {
    return (this.sorted ??= [...this.byLine.keys()].sort((a, b) => a - b));
  }

  /** The line, or the next one that has rows. */
  lineFrom(line: number): number | undefined {
    return this.lines.find((one) => one >= line);
  }

  /** In the order in which they were added. */
  addressesOf(line: number | undefined): BigUint64Array {
    return (line === undefined ? undefined : this.byLine.get(line)?.all()) ?? new BigUint64Array(0);
  }
}

class Addresses {
  private list = new BigUint64Array(2);
  private length = 0;

  push(address: bigint): void {
    if (this.length === this.list.length) {
      const larger = new BigUint64Array(2 * this.length);
      larger.set(this.list);
      this.list = larger;
    }
    this.list[this.length++] = address;
  }

  all(): BigUint64Array {
    return this.list.subarray(0, this.length);
  }
}
