/** Devices by physical address. An access that no device answers is an access fault of the guest. */
import { invariant } from '../base/errors';
import type { AccessSize, Device } from './device';
import { G } from './layout';
import type { LinearMemory } from './memory';

export class Bus {
  private readonly devices: Device[] = [];

  constructor(
    private readonly linear: LinearMemory,
    /** The guest is about to read or write the device: either may change it. */
    private readonly onAccess: (device: Device) => void,
  ) {}

  add(device: Device): void {
    const overlaps = this.devices.some(
      (other) => device.base < other.base + other.sizeBytes && other.base < device.base + device.sizeBytes,
    );
    invariant(!overlaps, `${device.name} has addresses of its own`);
    this.devices.push(device);
  }

  find(address: number, sizeBytes: number): Device | undefined {
    return this.devices.find(
      (device) => address >= device.base && address + sizeBytes <= device.base + device.sizeBytes,
    );
  }

  /** Import `mmioRead`: address and value in the globals. Misaligned accesses do not reach devices. */
  read(size: number): number {
    const address = this.linear.getCount(G.mmioAddress);
    const device = this.find(address, size);
    if (!device || address % size !== 0) return 0;
    this.onAccess(device);
    const offset = address - device.base;
    const low = device.read(offset, (size === 8 ? 4 : size) as AccessSize);
    const high = size === 8 ? device.read(offset + 4, 4) : 0;
    this.linear.set32(G.mmioValue, low);
    this.linear.set32(G.mmioValue + 4, high);
    return 1;
  }

  /** Import `mmioWrite`. */
  write(size: number): number {
    const address = this.linear.getCount(G.mmioAddress);
    const device = this.find(address, size);
    if (!device || address % size !== 0) return 0;
    this.onAccess(device);
    const offset = address - device.base;
    const low = this.linear.get32(G.mmioValue);
    if (size === 8) {
      const high = this.linear.get32(G.mmioValue + 4);
      device.write(offset, 4, low);
      device.write(offset + 4, 4, high);
    } else {
      device.write(offset, size as AccessSize, size === 4 ? low : low & ((1 << (8 * size)) - 1));
    }
    return 1;
  }

  /** The debugger's look (I6): byte by byte where a device answers, undefined elsewhere. */
  peek(address: number, sizeBytes: number): Uint8Array | undefined {
    const out = new Uint8Array(sizeBytes);
    for (let index = 0; index < sizeBytes; index++) {
      const at = address + index;
      const word = at - (at % 4);
      const device = this.find(word, 4) ?? this.find(at, 1);
      if (!device) return undefined;
      const value =
        device === this.find(word, 4) && device.sizeBytes > 0x100
          ? device.peek(word - device.base, 4) >>> (8 * (at % 4))
          : device.peek(at - device.base, 1);
      out[index] = value & 0xff;
    }
    return out;
  }
}
