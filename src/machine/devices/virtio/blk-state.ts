/** Pending block requests as saved state, and back. What comes from a file is checked against the disk again. */
import { userError } from '../../../base/errors';
import type { SectionData } from '../../device';
import type { SectionReader } from '../section';
import type { PendingRequest } from './blk';
import type { BlkRequest } from './blk-request';

export function savePending({ queue, head, writable, dueAt, request }: PendingRequest): SectionData {
  return {
    ...{ queue, head, dueAt },
    addresses: writable.map(({ address }) => address),
    lengths: writable.map(({ length }) => length),
    request: saveRequest(request),
  };
}

export function readPending(fields: SectionReader, diskBytes: number): PendingRequest {
  const count = fields.list('lengths').length;
  const addresses = fields.numbers('addresses', count, Number.MAX_SAFE_INTEGER);
  const lengths = fields.numbers('lengths', count, 0xffff_ffff);
  return {
    queue: fields.number('queue', 0xffff),
    head: fields.number('head', 0xffff),
    dueAt: fields.number('dueAt'),
    writable: lengths.map((length, index) => ({ address: addresses[index] ?? 0, length })),
    request: readRequest(fields.record('request'), diskBytes),
  };
}

function saveRequest(request: BlkRequest): SectionData {
  switch (request.op) {
    case 'write':
      return { op: request.op, offset: request.offset, data: request.data.slice() };
    case 'answer':
      return { op: request.op, status: request.status, data: request.data.slice() };
    case 'flush':
      return { op: request.op };
    case 'read':
    case 'discard':
    case 'writeZeroes':
      return { op: request.op, offset: request.offset, length: request.length };
  }
}

function readRequest(fields: SectionReader, diskBytes: number): BlkRequest {
  const op = fields.string('op');
  switch (op) {
    case 'flush':
      return { op };
    case 'answer':
      return { op, status: fields.number('status', 0xff), data: fields.bytes('data') };
    case 'write': {
      const data = fields.bytes('data');
      return { op, data, offset: checkedOffset(fields, data.length, diskBytes) };
    }
    case 'read':
    case 'discard':
    case 'writeZeroes': {
      const length = fields.number('length');
      return { op, length, offset: checkedOffset(fields, length, diskBytes) };
    }
    default:
      throw userError(
        'SECTION_DATA',
        `saved state has an unknown disk request "${op}"; take the checkpoint again`,
      );
  }
}

function checkedOffset(fields: SectionReader, length: number, diskBytes: number): number {
  const offset = fields.number('offset');
  if (offset % 512 === 0 && length % 512 === 0 && offset + length <= diskBytes) return offset;
  throw userError(
    'SECTION_DATA',
    'a saved disk request lies outside the disk; use the disk that the checkpoint was taken with',
  );
}
