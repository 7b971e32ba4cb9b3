/** A small virtio driver for tests: sets a device up as a guest's would, puts requests into rings, collects answers. */
import type { DiskOperation, DiskPort, DiskRequest, DiskResult } from '../../../src/machine/device';
import type { VirtioMmio } from '../../../src/machine/devices/virtio/mmio';
import { RAM_BASE, type TestBoard } from './board';

/** Where queue 0 is; each queue takes two pages. */
const RINGS = 0x1000;
const BUFFERS = 0x8000;
export const QUEUE_ENTRIES = 8;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

export interface DriverOptions {
  readonly legacy?: boolean;
  readonly eventIndex?: boolean;
  readonly indirect?: boolean;
}

/** A buffer of a request: bytes to the device, or room for so many from it. */
export type Part = Uint8Array | number;

export interface Answer {
  readonly head: number;
  readonly written: number;
}

export class Driver {
  private freeDescriptor = 0;
  private freeBuffer = BUFFERS;
  private readonly seen = [0, 0, 0, 0];

  constructor(
    readonly board: TestBoard,
    readonly mmio: VirtioMmio,
    readonly options: DriverOptions = {},
  ) {}

  /** Reset, ACKNOWLEDGE, DRIVER, features, queues, DRIVER_OK (virtio 1.2, 3.1.1). Returns the final status. */
  start(queues = 1): number {
    const { legacy = false, eventIndex = false } = this.options;
    const set = (register: number, value: number) => this.mmio.write(register, 4, value);
    set(0x70, 0);
    set(0x70, 1);
    set(0x70, 3);
    set(0x14, 0);
    const offered = this.mmio.read(0x10, 4);
    set(0x24, 0);
    set(0x20, offered & ~(eventIndex ? 0 : 1 << 29));
    if (legacy) set(0x28, 4096);
    else {
      set(0x24, 1);
      set(0x20, 1);
      set(0x70, 0xb);
    }
    for (let queue = 0; queue < queues; queue++) this.setUpQueue(queue);
    set(0x70, legacy ? 7 : 0xf);
    return this.mmio.read(0x70, 4);
  }

  /** Offset in RAM of a queue's rings: legacy layout, which version 2 allows too. */
  rings(queue: number): { descriptors: number; available: number; used: number } {
    const descriptors = RINGS + queue * 0x2000;
    return { descriptors, available: descriptors + 16 * QUEUE_ENTRIES, used: descriptors + 0x1000 };
  }

  /** Puts a request into the queue; returns its head and the RAM offsets of its parts. */
  submit(queue: number, ...parts: Part[]): { head: number; at: number[] } {
    const { descriptors, available } = this.rings(queue);
    const { view } = this.board;
    const at = parts.map((part) => this.place(part));
    let table = descriptors;
    const head = this.freeDescriptor;
    if (this.options.indirect === true) {
      table = this.place(16 * parts.length);
      this.describe(descriptors, head, table, 16 * parts.length, INDIRECT, 0);
      this.freeDescriptor = (this.freeDescriptor + 1) % QUEUE_ENTRIES;
    }
    parts.forEach((part, index) => {
      const inTable = this.options.indirect === true;
      const slot = inTable ? index : this.freeDescriptor;
      const next = inTable ? index + 1 : (slot + 1) % QUEUE_ENTRIES;
      const flags = (index + 1 < parts.length ? NEXT : 0) | (typeof part === 'number' ? WRITE : 0);
      this.describe(table, slot, at[index] ?? 0, typeof part === 'number' ? part : part.length, flags, next);
      if (!inTable) this.freeDescriptor = next;
    });
    const index = view.getUint16(available + 2, true);
    view.setUint16(available + 4 + 2 * (index % QUEUE_ENTRIES), head, true);
    view.setUint16(available + 2, index + 1, true);
    return { head, at };
  }

  notify(queue: number): void {
    this.mmio.write(0x50, 4, queue);
  }

  /** Answers since the last call. */
  answers(queue = 0): Answer[] {
    const { used } = this.rings(queue);
    const { view } = this.board;
    const found: Answer[] = [];
    const end = view.getUint16(used + 2, true);
    for (let index = this.seen[queue] ?? 0; index !== end; index = (index + 1) & 0xffff) {
      const element = used + 4 + 8 * (index % QUEUE_ENTRIES);
      found.push({ head: view.getUint32(element, true), written: view.getUint32(element + 4, true) });
    }
    this.seen[queue] = end;
    return found;
  }

  acknowledge(): number {
    const status = this.mmio.read(0x60, 4);
    this.mmio.write(0x64, 4, status);
    return status;
  }

  bytes(at: number, count: number): Uint8Array {
    return this.board.ram.slice(at, at + count);
  }

  describe(table: number, slot: number, at: number, length: number, flags: number, next: number): void {
    const { view } = this.board;
    const entry = table + 16 * slot;
    view.setBigUint64(entry, BigInt(RAM_BASE + at), true);
    view.setUint32(entry + 8, length, true);
    view.setUint16(entry + 12, flags, true);
    view.setUint16(entry + 14, next, true);
  }

  private place(part: Part): number {
    const at = this.freeBuffer;
    this.freeBuffer += ((typeof part === 'number' ? part : part.length) + 15) & ~15;
    if (typeof part !== 'number') this.board.ram.set(part, at);
    return at;
  }

  private setUpQueue(queue: number): void {
    const set = (register: number, value: number) => this.mmio.write(register, 4, value);
    const { descriptors, available, used } = this.rings(queue);
    set(0x30, queue);
    set(0x38, QUEUE_ENTRIES);
    if (this.options.legacy === true) {
      set(0x3c, 4096);
      set(0x40, (RAM_BASE + descriptors) / 4096);
      return;
    }
    set(0x80, RAM_BASE + descriptors);
    set(0x84, 0);
    set(0x90, RAM_BASE + available);
    set(0xa0, RAM_BASE + used);
    set(0x44, 1);
  }
}

/** Header of a block request. */
export function blkHeader(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

/** A disk whose host side the test holds back, lets go in any order, and lets fail. */
export class HeldDisk implements DiskPort {
  readonly contents: Uint8Array;
  readonly operations: HeldOperation[] = [];
  readonly log: string[] = [];

  constructor(
    readonly sizeBytes: number,
    readonly readOnly = false,
    /** Operations are ready as soon as they begin. */
    readonly prompt = false,
  ) {
    this.contents = new Uint8Array(sizeBytes);
  }

  begin(request: DiskRequest): HeldOperation {
    const operation = new HeldOperation(this, request);
    this.operations.push(operation);
    if (this.prompt) operation.finish();
    return operation;
  }

  freeze(): never {
    throw new Error('not in these tests');
  }

  thaw(): never {
    throw new Error('not in these tests');
  }

  contentHash(): never {
    throw new Error('not in these tests');
  }

  apply(request: DiskRequest): DiskResult {
    this.log.push(request.op);
    switch (request.op) {
      case 'read':
        return { ok: true, data: this.contents.slice(request.offset, request.offset + request.length) };
      case 'write':
        this.contents.set(request.data, request.offset);
        return { ok: true };
      case 'writeZeroes':
        this.contents.fill(0, request.offset, request.offset + request.length);
        return { ok: true };
      case 'flush':
      case 'discard':
        return { ok: true };
    }
  }
}

export class HeldOperation implements DiskOperation {
  ready = false;
  cancelled = false;
  error: string | undefined;
  private wake: (() => void)[] = [];

  constructor(
    private readonly disk: HeldDisk,
    readonly request: DiskRequest,
  ) {}

  /** The host is done, with an error if one is given. */
  finish(error?: string): void {
    this.ready = true;
    this.error = error;
    for (const wake of this.wake.splice(0)) wake();
  }

  whenReady(): Promise<void> {
    return this.ready ? Promise.resolve() : new Promise((resolve) => this.wake.push(resolve));
  }

  complete(): DiskResult {
    if (!this.ready || this.cancelled) throw new Error('completed too early, or after it was cancelled');
    return this.error === undefined ? this.disk.apply(this.request) : { ok: false, error: this.error };
  }

  cancel(): void {
    this.cancelled = true;
  }
}
