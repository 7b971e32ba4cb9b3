/**
 * The entropy device (virtio 1.2, section 5.4). Its "entropy" is a seeded generator (xoshiro128**), whose state is part of
 * the saved state: a run with the same seed is the same run (I1).
 */
import { type Instret } from '../../../base/brand';
import type { DeviceContext, SectionData, Waiting } from '../../device';
import type { SectionReader } from '../section';
import { requests, type VirtioDevice, type VirtioPort } from './device';
import { VirtioMmio, type VirtioConfig } from './mmio';
import { scatter, totalLength } from './queue';

/** Bytes of one request that are filled; a device may use fewer than it was given. */
const MAX_BYTES = 0x10000;
const QUEUE_SIZE = 8;

export interface VirtioRngConfig {
  /** Any number; the same one gives the same bytes. */
  readonly seed?: number;
}

export class VirtioRng implements VirtioDevice {
  readonly deviceId = 4;
  readonly features = 0n;
  readonly queueSizes = [QUEUE_SIZE];
  private state: number[];

  constructor(
    config: VirtioRngConfig,
    private readonly port: VirtioPort,
  ) {
    this.state = seedState(config.seed ?? 0);
  }

  config(): Uint8Array {
    return new Uint8Array(0);
  }

  writeConfig(_offset: number, _size: number, _value: number): void {
    // There is nothing to configure.
  }

  notify(queue: number): void {
    for (const chain of requests(this.port, queue, QUEUE_SIZE)) {
      const bytes = this.generate(Math.min(totalLength(chain.writable), MAX_BYTES));
      const ok = scatter(this.port.context.dma, chain.writable, 0, bytes);
      this.port.push(queue, chain.head, ok ? bytes.length : 0);
    }
  }

  deadline(): typeof Infinity {
    return Infinity;
  }

  onDeadline(_now: Instret): Waiting | undefined {
    return undefined;
  }

  reset(): void {
    // The generator goes on: what was drawn does not come again.
  }

  save(): SectionData {
    return { state: [...this.state] };
  }

  restore(fields: SectionReader): void {
    this.state = fields.numbers('state', 4, 0xffff_ffff);
  }

  private generate(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 4) {
      const word = this.next();
      for (let index = 0; index < 4 && at + index < count; index++) bytes[at + index] = word >>> (8 * index);
    }
    return bytes;
  }

  private next(): number {
    let [a = 0, b = 0, c = 0, d = 0] = this.state;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    this.state = [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
    return result;
  }
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Four words that are never all zero, from any seed: a Weyl sequence through a 32-bit mixer. */
function seedState(seed: number): number[] {
  let word = Math.floor(seed) >>> 0;
  return Array.from({ length: 4 }, () => {
    word = (word + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  });
}

/** The device in its slot. */
export const createVirtioRng = (
  config: VirtioRngConfig & VirtioConfig,
  context: DeviceContext,
): VirtioMmio<VirtioRng> => new VirtioMmio(config, context, (port) => new VirtioRng(config, port));
