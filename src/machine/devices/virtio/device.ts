/** Between a virtio device (block, entropy, console) and its transport: neither knows more of the other than this. */
import { type Instret } from '../../../base/brand';
import type { DeviceContext, SectionData, Waiting } from '../../device';
import type { SectionReader } from '../section';
import type { Chain } from './queue';

export interface VirtioDevice {
  /** Virtio 1.2, section 5: 2 is block, 3 console, 4 entropy. */
  readonly deviceId: number;
  /** Offered feature bits of this kind of device; those of the transport are not among them. */
  readonly features: bigint;
  /** Largest size of each queue, a power of two. */
  readonly queueSizes: readonly number[];
  /** The configuration space as it is now. */
  config(): Uint8Array;
  writeConfig(offset: number, size: number, value: number): void;
  /** The driver says that there is something in a queue. */
  notify(queue: number): void;
  deadline(): Instret | typeof Infinity;
  onDeadline(now: Instret): Waiting | undefined;
  /** The driver resets the device: requests are forgotten. */
  reset(): void;
  save(): SectionData;
  restore(fields: SectionReader): void;
}

/**
 * The requests that a queue holds now. Never more than its size, even if the device's own writes into rings that the
 * driver laid over each other make it look so.
 */
export function* requests(port: VirtioPort, queue: number, size: number): Generator<Chain, void> {
  for (let count = 0; count < size; count++) {
    const chain = port.pop(queue);
    if (chain === undefined) return;
    yield chain;
  }
}

/** What a virtio device sees of its transport. */
export interface VirtioPort {
  readonly context: DeviceContext;
  /** The next request of a queue; undefined when there is none, or the queue is not to be looked at. */
  pop(queue: number): Chain | undefined;
  /** Gives a request back, with the number of bytes that were written into it, and interrupts if wanted. */
  push(queue: number, head: number, written: number): void;
  /** The driver broke the rules: nothing goes on before it resets the device. */
  fault(): void;
}
