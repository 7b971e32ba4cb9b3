/**
 * The console device (virtio 1.2, section 5.3) with a single port. Same face to the machine as the UART: bytes out at
 * once, bytes in through a queue without bound that is part of the saved state.
 */
import { type Instret } from '../../../base/brand';
import type { DeviceContext, SectionData, Waiting } from '../../device';
import { ByteQueue } from '../byte-queue';
import type { SectionReader } from '../section';
import { requests, type VirtioDevice, type VirtioPort } from './device';
import { VirtioMmio, type VirtioConfig } from './mmio';
import { gather, scatter, totalLength } from './queue';

const RECEIVE = 0;
const TRANSMIT = 1;
const F_SIZE = 1n << 0n;
const F_EMERGENCY_WRITE = 1n << 2n;
const EMERGENCY_WRITE_AT = 8;
/** Bytes of one request that are printed; drivers send pages. */
const MAX_BYTES = 0x10000;
const QUEUE_SIZE = 128;

export interface VirtioConsoleConfig {
  /** Size that the guest is told; without it the guest makes its own assumption. */
  readonly size?: { readonly columns: number; readonly rows: number };
}

export class VirtioConsole implements VirtioDevice {
  readonly deviceId = 3;
  readonly features: bigint;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  private readonly waiting = new ByteQueue();

  constructor(
    private readonly settings: VirtioConsoleConfig,
    private readonly port: VirtioPort,
    private readonly onOutput: (byte: number) => void,
  ) {
    this.features = F_EMERGENCY_WRITE | (settings.size === undefined ? 0n : F_SIZE);
  }

  /** True when the driver has taken everything so far. */
  get canReceive(): boolean {
    return this.waiting.length === 0;
  }

  /** Bytes arrive from outside, at this instant. */
  receive(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.deliver();
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, this.settings.size?.columns ?? 0, true);
    view.setUint16(2, this.settings.size?.rows ?? 0, true);
    view.setUint32(4, 1, true);
    return bytes;
  }

  writeConfig(offset: number, _size: number, value: number): void {
    if (offset === EMERGENCY_WRITE_AT) this.onOutput(value & 0xff);
  }

  notify(queue: number): void {
    if (queue === RECEIVE) this.deliver();
    else this.transmit();
  }

  deadline(): typeof Infinity {
    return Infinity;
  }

  onDeadline(_now: Instret): Waiting | undefined {
    return undefined;
  }

  reset(): void {
    // What has been typed is not forgotten because the driver starts anew.
  }

  save(): SectionData {
    return { waiting: this.waiting.contents() };
  }

  restore(fields: SectionReader): void {
    this.waiting.clear();
    this.waiting.push(fields.bytes('waiting'));
  }

  private deliver(): void {
    if (this.waiting.length === 0) return;
    for (const chain of requests(this.port, RECEIVE, QUEUE_SIZE)) {
      const bytes = this.waiting.take(totalLength(chain.writable));
      const ok = scatter(this.port.context.dma, chain.writable, 0, bytes);
      this.port.push(RECEIVE, chain.head, ok ? bytes.length : 0);
      if (this.waiting.length === 0) return;
    }
  }

  private transmit(): void {
    for (const chain of requests(this.port, TRANSMIT, QUEUE_SIZE)) {
      const bytes = gather(this.port.context.dma, chain.readable, 0, MAX_BYTES);
      for (const byte of bytes ?? []) this.onOutput(byte);
      this.port.push(TRANSMIT, chain.head, 0);
    }
  }
}

/** The device in its slot. */
export const createVirtioConsole = (
  config: VirtioConsoleConfig & VirtioConfig,
  context: DeviceContext,
  onOutput: (byte: number) => void,
): VirtioMmio<VirtioConsole> =>
  new VirtioMmio(config, context, (port) => new VirtioConsole(config, port, onOutput));
