/**
 * From descriptors to block requests (virtio 1.2, 5.2.6): 16 bytes of header, data, one byte of status, laid out over the
 * descriptors in any way. What a driver must not ask is answered with an error here, and never reaches a disk.
 */
import type { DiskRequest, DmaMemory } from '../../device';
import { gather, totalLength, type Chain } from './queue';

/** A request for the disk, or one whose answer is known already. */
export type BlkRequest =
  DiskRequest | { readonly op: 'answer'; readonly status: number; readonly data: Uint8Array };

export interface BlkLimits {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly serial: string;
  /** Longest range of one discard or zeroing. */
  readonly maxRangeBytes: number;
  /** Longest read or write. */
  readonly maxBytes: number;
}

export const BLK_OK = 0;
export const BLK_IO_ERROR = 1;
export const BLK_UNSUPPORTED = 2;

const TYPE = { in: 0, out: 1, flush: 4, getId: 8, discard: 11, writeZeroes: 13 } as const;
const HEADER_BYTES = 16;
const RANGE_BYTES = 16;
const SECTOR_BYTES = 512;
const ID_BYTES = 20;
const UNMAP = 1;

const failed = (status: number): BlkRequest => ({ op: 'answer', status, data: new Uint8Array(0) });

/** 'fault' when there is no header, or no place for a status: such a request cannot even be refused. */
export function parseRequest(chain: Chain, dma: DmaMemory, limits: BlkLimits): BlkRequest | 'fault' {
  const header = gather(dma, chain.readable, 0, HEADER_BYTES);
  const answerBytes = totalLength(chain.writable) - 1;
  if (header?.length !== HEADER_BYTES || answerBytes < 0) return 'fault';
  const view = new DataView(header.buffer);
  const type = view.getUint32(0, true);
  const offset = byteOffset(view, 8);
  switch (type) {
    case TYPE.in: {
      const ok = fits(offset, answerBytes, limits) && answerBytes <= limits.maxBytes;
      return ok ? { op: 'read', offset, length: answerBytes } : failed(BLK_IO_ERROR);
    }
    case TYPE.out:
      return parseWrite(chain, dma, offset, limits);
    case TYPE.flush:
      return { op: 'flush' };
    case TYPE.getId:
      return { op: 'answer', status: BLK_OK, data: idBytes(limits.serial) };
    case TYPE.discard:
    case TYPE.writeZeroes:
      return parseRange(chain, dma, type === TYPE.discard ? 'discard' : 'writeZeroes', limits);
    default:
      return failed(BLK_UNSUPPORTED);
  }
}

function parseWrite(chain: Chain, dma: DmaMemory, offset: number, limits: BlkLimits): BlkRequest {
  const length = totalLength(chain.readable) - HEADER_BYTES;
  if (limits.readOnly || !fits(offset, length, limits) || length > limits.maxBytes)
    return failed(BLK_IO_ERROR);
  const data = gather(dma, chain.readable, HEADER_BYTES, HEADER_BYTES + length);
  return data === undefined ? failed(BLK_IO_ERROR) : { op: 'write', offset, data };
}

/** One range, as the configuration space says (5.2.6.2: more are refused as unsupported). */
function parseRange(
  chain: Chain,
  dma: DmaMemory,
  op: 'discard' | 'writeZeroes',
  limits: BlkLimits,
): BlkRequest {
  if (limits.readOnly) return failed(BLK_IO_ERROR);
  const length = totalLength(chain.readable) - HEADER_BYTES;
  if (length !== RANGE_BYTES) return failed(length > RANGE_BYTES ? BLK_UNSUPPORTED : BLK_IO_ERROR);
  const range = gather(dma, chain.readable, HEADER_BYTES, HEADER_BYTES + RANGE_BYTES);
  if (range === undefined) return failed(BLK_IO_ERROR);
  const view = new DataView(range.buffer);
  const flags = view.getUint32(12, true);
  if ((flags & ~UNMAP) !== 0 || (op === 'discard' && flags !== 0)) return failed(BLK_UNSUPPORTED);
  const offset = byteOffset(view, 0);
  const rangeBytes = view.getUint32(8, true) * SECTOR_BYTES;
  const ok = fits(offset, rangeBytes, limits) && rangeBytes <= limits.maxRangeBytes;
  return ok ? { op, offset, length: rangeBytes } : failed(BLK_IO_ERROR);
}

/** A 64-bit sector number in bytes; imprecise far beyond every disk, and refused there. */
const byteOffset = (view: DataView, at: number): number =>
  (view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)) * SECTOR_BYTES;

const fits = (offset: number, length: number, limits: BlkLimits): boolean =>
  length >= 0 && length % SECTOR_BYTES === 0 && offset + length <= limits.sizeBytes;

function idBytes(serial: string): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES);
  bytes.set(new TextEncoder().encode(serial).subarray(0, ID_BYTES));
  return bytes;
}
