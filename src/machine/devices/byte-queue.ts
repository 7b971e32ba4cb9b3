/** A first-in-first-out queue of bytes without bound: input that the guest has not fetched yet. */
export class ByteQueue {
  private bytes = new Uint8Array(64);
  private head = 0;
  private tail = 0;

  get length(): number {
    return this.tail - this.head;
  }

  push(input: Uint8Array): void {
    if (this.tail + input.length > this.bytes.length) this.makeRoom(input.length);
    this.bytes.set(input, this.tail);
    this.tail += input.length;
  }

  /** The next byte, undefined when there is none. */
  shift(): number | undefined {
    return this.head < this.tail ? this.bytes[this.head++] : undefined;
  }

  /** The next bytes, at most `count`. */
  take(count: number): Uint8Array {
    const end = Math.min(this.tail, this.head + count);
    const taken = this.bytes.slice(this.head, end);
    this.head = end;
    return taken;
  }

  clear(): void {
    this.head = this.tail = 0;
  }

  /** A copy of everything queued. */
  contents(): Uint8Array {
    return this.bytes.slice(this.head, this.tail);
  }

  private makeRoom(count: number): void {
    const kept = this.bytes.subarray(this.head, this.tail);
    const room = new Uint8Array(Math.max(64, 2 * (kept.length + count)));
    room.set(kept);
    this.tail = kept.length;
    this.head = 0;
    this.bytes = room;
  }
}
