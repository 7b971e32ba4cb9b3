/**
 * The base protocol of the Debug Adapter Protocol: messages as JSON, each behind a header with its Content-Length.
 * Bytes in, messages out; bytes may come in pieces of any size. What cannot be read is reported once for each piece of
 * damage and skipped, so that a broken message does not end the session: the next header starts anew.
 */
import { messageOf, userError, type UserError } from '../base/errors';
import type { Disposable, Event } from '../base/events';
import type { Session } from './session';

/** A pipe, a socket, or anything else that carries bytes both ways. */
export interface ByteChannel {
  readonly onData: Event<Uint8Array>;
  write(bytes: Uint8Array): void;
}

/** Far more than any real message has; a length beyond it is damage. */
const MESSAGE_BYTES_MAX = 64 * 2 ** 20;
/** A header that goes on for longer is damage. */
const HEADER_BYTES_MAX = 8192;

const encoder = new TextEncoder();

export function encodeMessage(message: object): Uint8Array {
  const body = encoder.encode(JSON.stringify(message));
  const header = encoder.encode(`Content-Length: ${body.length}\r\n\r\n`);
  const bytes = new Uint8Array(header.length + body.length);
  bytes.set(header);
  bytes.set(body, header.length);
  return bytes;
}

/** Takes bytes as they come and hands out whole messages. */
export class MessageReader {
  private pending = new Uint8Array(0);
  /** Of the message whose header has been read. */
  private bodyBytes: number | undefined;
  private readonly decoder = new TextDecoder();

  constructor(
    private readonly onMessage: (message: unknown) => void,
    private readonly onDamage: (error: UserError) => void,
  ) {}

  push(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.pending.length + bytes.length);
    joined.set(this.pending);
    joined.set(bytes, this.pending.length);
    this.pending = joined;
    while (this.bodyBytes === undefined ? this.readHeader() : this.readBody(this.bodyBytes));
  }

  private readHeader(): boolean {
    const end = indexOfBlankLine(this.pending);
    if (end < 0) {
      if (this.pending.length <= HEADER_BYTES_MAX) return false;
      this.pending = new Uint8Array(0);
      this.onDamage(userError('DAP_HEADER', `no end of a message header within ${HEADER_BYTES_MAX} bytes`));
      return false;
    }
    const header = this.decoder.decode(this.take(end + 4));
    const [, digits] = /(?:^|\n)content-length:[ \t]*(\d{1,12})[ \t]*\r?\n/iu.exec(header) ?? [];
    const length = digits === undefined ? NaN : Number(digits);
    if (length <= MESSAGE_BYTES_MAX) this.bodyBytes = length;
    else this.onDamage(userError('DAP_HEADER', 'a message header without a usable Content-Length'));
    return true;
  }

  private readBody(length: number): boolean {
    if (this.pending.length < length) return false;
    const text = this.decoder.decode(this.take(length));
    this.bodyBytes = undefined;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch (error) {
      this.onDamage(userError('DAP_JSON', `a message is no JSON: ${messageOf(error)}`));
      return true;
    }
    this.onMessage(message);
    return true;
  }

  private take(length: number): Uint8Array {
    const taken = this.pending.slice(0, length);
    this.pending = this.pending.slice(length);
    return taken;
  }
}

function indexOfBlankLine(bytes: Uint8Array): number {
  for (let at = 0; at + 3 < bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return -1;
}

/** Lets a session speak through a channel of bytes. Dispose of the result to cut them apart. */
export function serve(session: Session, channel: ByteChannel): Disposable {
  const reader = new MessageReader(
    (message) => session.handleMessage(message),
    (error) => session.reportDamage(error),
  );
  const incoming = channel.onData((bytes) => reader.push(bytes));
  const outgoing = session.onMessage((message) => channel.write(encodeMessage(message)));
  return {
    dispose: () => {
      incoming.dispose();
      outgoing.dispose();
    },
  };
}
