/**
 * The block device (virtio 1.2, section 5.2).
 *
 * A request takes effect and is answered a fixed virtual time after the driver's notification, so the instant depends
 * on the guest alone (I1); when the host's work is not done by then, the guest waits there. Until that instant the
 * request is pending and part of the saved state, with all that is needed to begin it again: what a write writes was
 * copied when it was issued, and a read reaches guest memory at that instant only. Requests take effect in the order in
 * which they were issued, so a read never sees a later write (checkpointing rows S7 to S13).
 */
import { instret, type Instret } from '../../../base/brand';
import type {
  DeviceContext,
  DiskOperation,
  DiskPort,
  DiskRequest,
  DiskResult,
  SectionData,
  Waiting,
} from '../../device';
import type { SectionReader } from '../section';
import { BLK_IO_ERROR, BLK_OK, parseRequest, type BlkRequest } from './blk-request';
import { readPending, savePending } from './blk-state';
import { requests, type VirtioDevice, type VirtioPort } from './device';
import { VirtioMmio, type VirtioConfig } from './mmio';
import { scatter, totalLength, type Segment } from './queue';

const F_SEG_MAX = 1n << 2n;
const F_READ_ONLY = 1n << 5n;
const F_BLK_SIZE = 1n << 6n;
const F_FLUSH = 1n << 9n;
const F_MULTI_QUEUE = 1n << 12n;
const F_DISCARD = 1n << 13n;
const F_WRITE_ZEROES = 1n << 14n;
const QUEUE_SIZE = 256;
const SECTOR_BYTES = 512;
/** Sectors that one discard or zeroing may name: 64 MiB. */
const MAX_RANGE_SECTORS = 1 << 17;
/** Virtual time of a request in ticks: 100 µs, as of a fast SSD. */
const DEFAULT_LATENCY_TICKS = 1000;
/** Bytes of pending requests together; beyond, requests fail. Guests keep below by far, and a hostile one is bounded. */
const MAX_PENDING_BYTES = 256 << 20;

export interface VirtioBlkConfig {
  /** What GET_ID answers, 20 bytes at most. */
  readonly serial?: string;
  /** Virtual time between issue and completion, in ticks of 100 ns; at least 1. */
  readonly latencyTicks?: number;
  /** Request queues; 1 when not given. */
  readonly queues?: number;
  /** The host could not do what the guest asked for; the guest sees an I/O error. */
  readonly onError?: (message: string) => void;
}

/** A request between issue and completion. */
export interface PendingRequest {
  readonly queue: number;
  readonly head: number;
  readonly writable: readonly Segment[];
  readonly dueAt: number;
  readonly request: BlkRequest;
}

interface Running extends PendingRequest {
  /** The host's part; undefined when there is none. */
  readonly operation: DiskOperation | undefined;
}

export class VirtioBlk implements VirtioDevice {
  readonly deviceId = 2;
  readonly features: bigint;
  readonly queueSizes: readonly number[];
  private readonly latencyTicks: number;
  /** In the order of issue, which is the order of completion. */
  private pending: Running[] = [];
  private pendingBytes = 0;

  constructor(
    private readonly settings: VirtioBlkConfig,
    private readonly port: VirtioPort,
    private readonly disk: DiskPort,
  ) {
    const queues = settings.queues ?? 1;
    this.queueSizes = new Array<number>(queues).fill(QUEUE_SIZE);
    this.latencyTicks = Math.max(1, Math.round(settings.latencyTicks ?? DEFAULT_LATENCY_TICKS));
    this.features =
      F_SEG_MAX |
      F_BLK_SIZE |
      F_FLUSH |
      (queues > 1 ? F_MULTI_QUEUE : 0n) |
      (disk.readOnly ? F_READ_ONLY : F_DISCARD | F_WRITE_ZEROES);
  }

  /** Requests that are neither completed nor lost. */
  get pendingRequests(): number {
    return this.pending.length;
  }

  /** Virtio 1.2, 5.2.4. */
  config(): Uint8Array {
    const bytes = new Uint8Array(60);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(Math.floor(this.disk.sizeBytes / SECTOR_BYTES)), true);
    view.setUint32(12, QUEUE_SIZE - 2, true); // seg_max: a header and a status take a descriptor each
    view.setUint32(20, SECTOR_BYTES, true);
    view.setUint16(34, this.queueSizes.length, true);
    if (this.disk.readOnly) return bytes;
    view.setUint32(36, MAX_RANGE_SECTORS, true);
    view.setUint32(40, 1, true); // max_discard_seg
    view.setUint32(44, 1, true); // discard_sector_alignment
    view.setUint32(48, MAX_RANGE_SECTORS, true);
    view.setUint32(52, 1, true); // max_write_zeroes_seg
    view.setUint8(56, 1); // write_zeroes_may_unmap
    return bytes;
  }

  writeConfig(_offset: number, _size: number, _value: number): void {
    // The driver may write nothing here without CONFIG_WCE, which is not offered.
  }

  notify(queue: number): void {
    const { context } = this.port;
    for (const chain of requests(this.port, queue, QUEUE_SIZE)) {
      const request = parseRequest(chain, context.dma, {
        sizeBytes: this.disk.sizeBytes,
        readOnly: this.disk.readOnly,
        serial: this.settings.serial ?? '',
        maxRangeBytes: MAX_RANGE_SECTORS * SECTOR_BYTES,
        maxBytes: MAX_PENDING_BYTES - this.pendingBytes,
      });
      if (request === 'fault') {
        this.port.fault();
        return;
      }
      const dueAt = context.now() + this.latencyTicks * context.instructionsPerTick;
      this.issue({ queue, head: chain.head, writable: chain.writable, dueAt, request });
    }
  }

  deadline(): Instret | typeof Infinity {
    const first = this.pending[0];
    return first === undefined ? Infinity : instret(first.dueAt);
  }

  onDeadline(now: Instret): Waiting | undefined {
    for (let first = this.pending[0]; first !== undefined && first.dueAt <= now; first = this.pending[0]) {
      if (first.operation?.ready === false) return first.operation;
      this.pending.shift();
      this.pendingBytes -= bytesHeld(first.request);
      this.complete(first);
    }
    this.port.context.deadlineChanged();
    return undefined;
  }

  reset(): void {
    for (const { operation } of this.pending) operation?.cancel();
    this.pending = [];
    this.pendingBytes = 0;
    this.port.context.deadlineChanged();
  }

  save(): SectionData {
    return { pending: this.pending.map(savePending) };
  }

  /** Begins pending requests again: the disk must have gone back to its contents of that instant before. */
  restore(fields: SectionReader): void {
    const pending = fields.records('pending').map((saved) => readPending(saved, this.disk.sizeBytes));
    this.reset();
    for (const request of pending) this.issue(request);
  }

  private issue(pending: PendingRequest): void {
    const disk = diskRequest(pending.request);
    this.pending.push({ ...pending, operation: disk === undefined ? undefined : this.disk.begin(disk) });
    this.pendingBytes += bytesHeld(pending.request);
    if (this.pending.length === 1) this.port.context.deadlineChanged();
  }

  private complete(running: Running): void {
    const { request, operation, writable } = running;
    const statusAt = totalLength(writable) - 1;
    const result: DiskResult = operation?.complete() ?? { ok: true };
    if (!result.ok) this.settings.onError?.(result.error);
    const data = request.op === 'answer' ? request.data : result.ok ? result.data : undefined;
    const { dma } = this.port.context;
    // What does not fit before the status byte is the driver's loss; reads were measured to fit.
    const payload = data?.subarray(0, statusAt) ?? new Uint8Array(0);
    const arrived = scatter(dma, writable, 0, payload);
    let status = request.op === 'answer' ? request.status : BLK_OK;
    if (!result.ok || !arrived) status = BLK_IO_ERROR;
    scatter(dma, writable, statusAt, Uint8Array.of(status));
    this.port.push(running.queue, running.head, payload.length + 1);
  }
}

/** Memory that a pending request holds, or will hold when the host is done. */
function bytesHeld(request: BlkRequest): number {
  if (request.op === 'read') return request.length;
  return request.op === 'write' ? request.data.length : 0;
}

const diskRequest = (request: BlkRequest): DiskRequest | undefined =>
  request.op === 'answer' ? undefined : request;

/** The device in its slot. */
export const createVirtioBlk = (
  config: VirtioBlkConfig & VirtioConfig,
  context: DeviceContext,
  disk: DiskPort,
): VirtioMmio<VirtioBlk> => new VirtioMmio(config, context, (port) => new VirtioBlk(config, port, disk));
