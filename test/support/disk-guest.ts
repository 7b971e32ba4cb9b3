/**
 * A machine whose guest is a disk driver in the test's hands: the guest's program takes register writes from a mailbox
 * in RAM and does them, so the device is reached by the guest itself, at an instant of the guest's time.
 */
import assert from 'node:assert/strict';
import type { DiskPort } from '../../src/machine/device';
import { Machine } from '../../src/machine/machine';
import type { MachineStop } from '../../src/machine/stop';

const RAM = 0x8000_0000;
const MAILBOX = RAM + 0x10_0000;
const DESCRIPTORS = RAM + 0x11_0000;
const AVAILABLE = DESCRIPTORS + 0x1000;
const USED = DESCRIPTORS + 0x2000;
const HEADERS = DESCRIPTORS + 0x3000;
const DEVICE = 0x1000_1000;
const ENTRIES = 32;
export const SECTOR = 512;
/** A page of guest memory for the data of the `index`th request. */
export const page = (index: number): number => RAM + 0x20_0000 + index * 4096;

/** t0 = MAILBOX; then forever: address = [t0]; if it is not 0, *address = [t0 + 4], and [t0] = 0. */
const PROGRAM = [
  0x0010_0293, 0x01f2_9293, 0x0010_0e37, 0x01c2_82b3, 0x0002_e303, 0xfe03_0ee3, 0x0042_a383, 0x0073_2023,
  0x0002_a023, 0xfedf_f06f,
];

export class DiskGuest {
  readonly machine: Machine;

  constructor(port: DiskPort) {
    const bytes = new Uint8Array(new Uint32Array(PROGRAM).buffer);
    this.machine = new Machine(
      {
        ramBytes: 16 << 20,
        harts: 1,
        boot: {
          segments: [{ address: RAM, bytes, sizeBytes: bytes.length }],
          mode: 'reset',
          entry: RAM,
          nextEntry: 0,
          fdtAddress: RAM + 0x8_0000,
          deviceTree: new Uint8Array(8),
        },
        disks: [{ port, slot: 0 }],
      },
      () => undefined,
    );
    this.run(1000);
    for (const [register, value] of [
      [0x70, 0],
      [0x70, 1],
      [0x70, 3],
      [0x24, 0],
      [0x20, 0],
      [0x24, 1],
      [0x20, 1],
      [0x70, 0xb],
      [0x30, 0],
      [0x38, ENTRIES],
      [0x80, DESCRIPTORS],
      [0x90, AVAILABLE],
      [0xa0, USED],
      [0x44, 1],
      [0x70, 0xf],
    ] as const) {
      this.register(register, value);
    }
  }

  /** Runs so many instructions, or to the instant where the guest waits for the disk. */
  run(instructions: number): MachineStop {
    return this.machine.run(this.machine.instret + instructions);
  }

  /** Runs until all requests have been answered; the disk must be able to go on. */
  async drain(): Promise<void> {
    for (;;) {
      const stop = this.run(100_000);
      if (stop.kind !== 'waiting') return;
      await stop.waiting.whenReady();
    }
  }

  /** Reads sectors into memory at `to`. */
  read(sector: number, count: number, to: number): void {
    this.submit(0, sector, to, count * SECTOR, 2);
  }

  /** Writes bytes, which are put at `from` first. */
  write(sector: number, data: Uint8Array, from: number): void {
    this.machine.memory.write(from, data);
    this.submit(1, sector, from, data.length, 0);
  }

  /** Requests that the device has answered. */
  get answered(): number {
    return this.half(USED + 2);
  }

  /** Status byte of the request that was issued as the `index`th: 0 is success. */
  status(index: number): number {
    return this.bytes(HEADERS + (index % 8) * 32 + 16, 1)[0] ?? -1;
  }

  bytes(address: number, count: number): Uint8Array {
    return this.machine.memory.read(address, count);
  }

  private submit(type: number, sector: number, data: number, length: number, flags: number): void {
    const { memory } = this.machine;
    const index = this.half(AVAILABLE + 2);
    const slot = (index % 8) * 3;
    const header = HEADERS + (index % 8) * 32;
    const view = new DataView(new ArrayBuffer(17));
    view.setUint32(0, type, true);
    view.setBigUint64(8, BigInt(sector), true);
    view.setUint8(16, 0xff);
    memory.write(header, new Uint8Array(view.buffer));
    this.describe(slot, header, 16, 1, slot + 1);
    this.describe(slot + 1, data, length, 1 | flags, slot + 2);
    this.describe(slot + 2, header + 16, 1, 2, 0);
    memory.write(AVAILABLE + 4 + 2 * (index % ENTRIES), Uint8Array.of(slot, 0));
    memory.write(AVAILABLE + 2, Uint8Array.of((index + 1) & 0xff, (index + 1) >> 8));
    this.register(0x50, 0);
  }

  private describe(slot: number, address: number, length: number, flags: number, next: number): void {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigUint64(0, BigInt(address), true);
    view.setUint32(8, length, true);
    view.setUint16(12, flags, true);
    view.setUint16(14, next, true);
    this.machine.memory.write(DESCRIPTORS + 16 * slot, new Uint8Array(view.buffer));
  }

  /** The guest writes a register of the device, within a few instructions. */
  private register(offset: number, value: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, DEVICE + offset, true);
    view.setUint32(4, value, true);
    this.machine.memory.write(MAILBOX, new Uint8Array(view.buffer));
    this.run(50);
    assert.deepEqual([...this.bytes(MAILBOX, 4)], [0, 0, 0, 0], 'the guest has done it');
  }

  private half(address: number): number {
    const bytes = this.bytes(address, 2);
    return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  }
}
