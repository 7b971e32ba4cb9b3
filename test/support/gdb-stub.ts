/**
 * A stub of GDB's remote protocol that shows GDB a machine of ours, on the loopback interface: registers and memory to be
 * read, and `continue`, which goes to the next moment that the test has chosen. The test may also show other registers
 * (`monitor WORD NUMBER`), such as those of code that a trap interrupted. Knows no breakpoints and no writes.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { toLittleEndianHex } from './gdb-remote';

export interface StubTarget {
  /** x0..x31 and pc. */
  registers(): readonly bigint[];
  /** f0..f31. */
  floats(): readonly bigint[];
  read(address: bigint, length: number): Uint8Array | undefined;
  /** Goes to the next moment; false: there is none. */
  next(): boolean;
  /** A monitor command. */
  command(word: string, argument: bigint): void;
}

const FLOATS = 33;

const registersXml = (names: readonly string[], first: number, kind: string): string =>
  names
    .map((name, index) => `<reg name="${name}" bitsize="64" type="${kind}" regnum="${first + index}"/>`)
    .join('');

const numbered = (letter: string): string[] => Array.from({ length: 32 }, (_, index) => `${letter}${index}`);

const TARGET_XML = [
  '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>riscv:rv64</architecture>',
  '<feature name="org.gnu.gdb.riscv.cpu">',
  registersXml([...numbered('x'), 'pc'], 0, 'int'),
  '</feature><feature name="org.gnu.gdb.riscv.fpu">',
  registersXml(numbered('f'), FLOATS, 'ieee_double'),
  '</feature></target>',
].join('');

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export class GdbStub {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: StubTarget,
  ) {}

  static async listen(target: StubTarget): Promise<GdbStub> {
    const server = createServer();
    const stub = new GdbStub(server, target);
    server.on('connection', (socket) => {
      stub.serve(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return stub;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    let pending = '';
    socket.on('data', (data) => {
      pending += data.toString('latin1');
      for (;;) {
        const start = pending.indexOf('$');
        const end = pending.indexOf('#', start);
        if (start < 0 || end < 0 || pending.length < end + 3) return;
        const request = pending.slice(start + 1, end);
        pending = pending.slice(end + 3);
        const answer = this.answer(request);
        const sum = Buffer.from(answer, 'latin1').reduce((total, byte) => total + byte, 0) & 255;
        socket.write(`+$${answer}#${sum.toString(16).padStart(2, '0')}`, 'latin1');
      }
    });
  }

  private answer(request: string): string {
    const { target } = this;
    if (request.startsWith('qSupported')) return 'PacketSize=4000;qXfer:features:read+';
    if (request.startsWith('qXfer:features:read:')) return feature(request);
    if (request.startsWith('qRcmd,')) return this.monitor(request.slice(6));
    if (request.startsWith('H')) return 'OK';
    switch (request) {
      case '?':
        return 'S05';
      case 'g':
        return [...target.registers(), ...target.floats()].map(toLittleEndianHex).join('');
      case 'c':
        return target.next() ? 'S05' : 'W00';
      case 'qAttached':
        return '1';
      case 'qfThreadInfo':
        return 'm1';
      case 'qsThreadInfo':
        return 'l';
      case 'D':
        return 'OK';
    }
    const memory = /^m([0-9a-f]+),([0-9a-f]+)$/.exec(request);
    if (memory === null) return '';
    const bytes = target.read(BigInt(`0x${memory[1] ?? ''}`), Number.parseInt(memory[2] ?? '', 16));
    return bytes === undefined ? 'E14' : hexOf(bytes);
  }

  private monitor(hex: string): string {
    const [word = '', argument = '0'] = Buffer.from(hex, 'hex').toString().split(' ');
    this.target.command(word, BigInt(argument));
    return 'OK';
  }
}

function feature(request: string): string {
  const [, , , , place = ''] = request.split(':');
  const [offset = 0, length = 0] = place.split(',').map((part) => Number.parseInt(part, 16));
  const part = TARGET_XML.slice(offset, offset + length);
  return `${offset + length < TARGET_XML.length ? 'm' : 'l'}${part}`;
}
