/** What a device under test sees instead of a machine: RAM, an interrupt line, and time that the test moves. */
import { instret, type Instret } from '../../../src/base/brand';
import type { AccessSize, Device, DeviceContext, Waiting } from '../../../src/machine/device';

export const RAM_BASE = 0x80000000;
export const PER_TICK = 10;

export class TestBoard implements DeviceContext {
  readonly ram: Uint8Array;
  readonly view: DataView;
  readonly instructionsPerTick = PER_TICK;
  time = 0;
  irq = false;
  /** Changes of the interrupt line. */
  readonly edges: boolean[] = [];
  /** Added to the ticks, as by a guest that writes mtime. */
  tickOffset = 0;

  constructor(ramBytes = 0x10000) {
    this.ram = new Uint8Array(ramBytes);
    this.view = new DataView(this.ram.buffer);
  }

  readonly dma = {
    read: (address: number, sizeBytes: number): Uint8Array | undefined =>
      this.inside(address, sizeBytes)
        ? this.ram.slice(address - RAM_BASE, address - RAM_BASE + sizeBytes)
        : undefined,
    write: (address: number, bytes: Uint8Array): boolean => {
      if (!this.inside(address, bytes.length)) return false;
      this.ram.set(bytes, address - RAM_BASE);
      return true;
    },
  };

  now(): Instret {
    return instret(this.time);
  }

  ticks(): number {
    return Math.floor(this.time / PER_TICK) + this.tickOffset;
  }

  setIrq(level: boolean): void {
    if (level !== this.irq) this.edges.push(level);
    this.irq = level;
  }

  deadlineChanged(): void {
    // The tests ask for the deadline themselves.
  }

  private inside(address: number, sizeBytes: number): boolean {
    return address >= RAM_BASE && address + sizeBytes <= RAM_BASE + this.ram.length;
  }
}

/** Goes to the device's deadline and calls it there; false when it has none. */
export function toDeadline(board: TestBoard, device: Device): Waiting | undefined | false {
  const at = device.deadline();
  if (at === Infinity) return false;
  board.time = Math.max(board.time, at);
  return device.onDeadline(board.now());
}

/** A repeatable stream of 32-bit numbers (a linear congruential generator), for fuzzing. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * A hostile guest: random accesses, with a save and restore into `twin` now and then. Both must stay alike and return
 * numbers of the right size, and nothing may throw.
 */
export function fuzz(
  device: Device,
  twin: Device,
  seed: number,
  offsets: readonly number[],
  steps = 3000,
): void {
  const random = numbers(seed);
  for (let step = 0; step < steps; step++) {
    const offset = random(4) === 0 ? random(device.sizeBytes) : (offsets[random(offsets.length)] ?? 0);
    const size = ([1, 2, 4] as const)[random(3)] ?? 4;
    const aligned = offset - (offset % size);
    const value = random(3) === 0 ? random(16) : random(2 ** (8 * size));
    if (random(2) === 0) device.write(aligned, size, value);
    else checkedRead(device, aligned, size);
    if (random(50) !== 0) continue;
    const saved = device.save();
    twin.restore(saved);
    const again = twin.save();
    if (inspectData(saved) !== inspectData(again))
      throw new Error(`restored state differs after step ${step}`);
  }
}

/** A peek sees what a read then returns, and changes nothing (I6). */
function checkedRead(device: Device, offset: number, size: AccessSize): number {
  const before = inspectData(device.save());
  const peeked = device.peek(offset, size);
  if (inspectData(device.save()) !== before) throw new Error(`peek at ${offset} changed the device`);
  const seen = device.read(offset, size);
  if (seen < 0 || seen >= 2 ** (8 * size)) throw new Error(`read ${seen} of ${size} bytes`);
  if (seen !== peeked) throw new Error(`peek at ${offset} shows ${peeked}, read ${seen}`);
  return seen;
}

/** A text that is equal for equal plain data. */
export const inspectData = (data: unknown): string =>
  JSON.stringify(data, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Uint8Array ? [...value] : value;
  });
