/**
 * A client of GDB's remote serial protocol (GDB manual, appendix E), as far as a lockstep with QEMU needs it: packets
 * with checksums, no acknowledgements, and several requests in one write, since what costs is the way there and back.
 * It waits for exactly as many answers as there were requests; console output packets of the stub are passed over.
 */
import { connect, type Socket } from 'node:net';

function packet(text: string): string {
  let sum = 0;
  for (let index = 0; index < text.length; index++) sum = (sum + text.charCodeAt(index)) & 0xff;
  return `$${text}#${sum.toString(16).padStart(2, '0')}`;
}

interface Waiter {
  readonly count: number;
  readonly resolve: (answers: string[]) => void;
  readonly reject: (error: Error) => void;
}

export class GdbRemote {
  private pending = '';
  private answers: string[] = [];
  private waiter: Waiter | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.pending += data.toString('latin1');
      this.takePackets();
    });
    const fail = (): void => {
      this.waiter?.reject(new Error('the GDB stub closed the connection'));
      this.waiter = undefined;
    };
    socket.on('error', fail);
    socket.on('close', fail);
  }

  /** Connects to a stub that listens on a Unix socket, and ends the exchange of acknowledgements. */
  static async connect(path: string): Promise<GdbRemote> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const remote = new GdbRemote(socket);
    await remote.request('QStartNoAckMode');
    socket.write('+');
    return remote;
  }

  private takePackets(): void {
    for (;;) {
      const start = this.pending.indexOf('$');
      const end = this.pending.indexOf('#', start + 1);
      if (start < 0 || end < 0 || this.pending.length < end + 3) break;
      const text = this.pending.slice(start + 1, end);
      this.pending = this.pending.slice(end + 3);
      // 'O' and hex digits: text for GDB's console, not an answer; 'OK' is one.
      if (!/^O[0-9a-f]/.test(text)) this.answers.push(text);
    }
    const { waiter } = this;
    if (waiter === undefined || this.answers.length < waiter.count) return;
    this.waiter = undefined;
    waiter.resolve(this.answers.splice(0, waiter.count));
  }

  /** Sends all requests in one write; one answer each, in order. Rejects when the stub goes away. */
  requests(texts: readonly string[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.waiter = { count: texts.length, resolve, reject };
      this.socket.write(texts.map(packet).join(''), 'latin1');
    });
  }

  async request(text: string): Promise<string> {
    const [answer = ''] = await this.requests([text]);
    return answer;
  }

  /** A document of qXfer:features, such as target.xml. */
  async feature(name: string): Promise<string> {
    let text = '';
    for (;;) {
      const answer = await this.request(`qXfer:features:read:${name}:${text.length.toString(16)},7f0`);
      text += answer.slice(1);
      if (!answer.startsWith('m')) return text;
    }
  }

  close(): void {
    this.waiter = undefined;
    this.socket.destroy();
  }
}

/** The 64-bit number at a digit of a string of hex digits of bytes, least significant byte first. */
export function littleEndianHex(text: string, at = 0): bigint {
  let digits = '';
  for (let index = at + 14; index >= at; index -= 2) digits += text.slice(index, index + 2);
  return BigInt(`0x${digits}`);
}

export function toLittleEndianHex(value: bigint): string {
  const digits = BigInt.asUintN(64, value).toString(16).padStart(16, '0');
  return (digits.match(/../g) ?? []).reverse().join('');
}
