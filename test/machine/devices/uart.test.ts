import assert from 'node:assert/strict';
import { Uart } from '../../../src/machine/devices/uart';
import { fuzz, inspectData, TestBoard, toDeadline } from './board';

const text = (value: string) => new TextEncoder().encode(value);

function make(board = new TestBoard()) {
  const output: number[] = [];
  const uart = new Uart({}, board, (byte) => output.push(byte));
  return { board, uart, output, put: (register: number, value: number) => uart.write(register, 1, value) };
}

const iir = (uart: Uart) => uart.peek(2, 1) & 0x0f;

describe('UART', () => {
  it('prints at once, and its transmitter is always empty', () => {
    const { uart, output, put } = make();
    for (const byte of text('hi')) put(0, byte);
    assert.deepEqual(output, [...text('hi')]);
    assert.equal(uart.read(5, 1), 0x60);
  });

  it('keeps the divisor apart from data and interrupt enable', () => {
    const { uart, output, put } = make();
    put(3, 0x83);
    put(0, 0x34);
    put(1, 0x12);
    assert.deepEqual([uart.read(0, 1), uart.read(1, 1)], [0x34, 0x12]);
    put(3, 0x03);
    put(1, 0xff);
    assert.equal(uart.read(1, 1), 0x0f);
    assert.deepEqual(output, []);
  });

  it('interrupts when THRE is enabled and after each byte, until IIR was read', () => {
    const { uart, board, put } = make();
    put(1, 2);
    assert.equal(board.irq, true);
    assert.equal(uart.read(2, 1), 0x02);
    assert.equal(board.irq, false);
    put(0, 0x41);
    assert.equal(board.irq, true);
    put(1, 0);
    assert.equal(board.irq, false);
    put(1, 2);
    assert.equal(board.irq, true, 'what Linux probes for: enabling again interrupts again');
  });

  it('holds input back until there is room, and loses none', () => {
    const { uart, board, put } = make();
    put(2, 0x01);
    put(1, 1);
    const sent = Uint8Array.from({ length: 100 }, (_, index) => index);
    assert.equal(uart.canReceive, true);
    uart.receive(sent);
    assert.equal(uart.canReceive, false);
    const got: number[] = [];
    while ((uart.read(5, 1) & 1) !== 0) got.push(uart.read(0, 1));
    assert.deepEqual(got, [...sent]);
    assert.equal(board.irq, false);
  });

  it('interrupts at the trigger level, and by timeout below it', () => {
    const { uart, board, put } = make();
    put(2, 0x81); // 8 bytes
    put(1, 1);
    uart.receive(text('1234567'));
    assert.equal(board.irq, false);
    uart.receive(text('8'));
    assert.equal(iir(uart), 0x04);
    assert.equal(uart.peek(2, 1) & 0xc0, 0xc0);
    uart.read(0, 1);
    assert.equal(board.irq, false);
    toDeadline(board, uart);
    assert.equal(iir(uart), 0x0c);
    assert.equal(board.irq, true);
    uart.restore(uart.save());
    const other = make(new TestBoard()).uart;
    other.restore(uart.save());
    assert.deepEqual([iir(uart), iir(other)], [0x0c, 0x0c], 'it is pending after a restore');
    uart.read(0, 1);
    assert.equal(board.irq, false, 'reading restarts the timeout');
    assert.notEqual(uart.deadline(), Infinity);
  });

  it('without FIFOs holds one byte', () => {
    const { uart, board, put } = make();
    put(1, 1);
    uart.receive(text('ab'));
    assert.equal(board.irq, true);
    assert.equal(uart.deadline(), Infinity);
    assert.equal(uart.read(0, 1), 0x61);
    assert.equal(uart.read(0, 1), 0x62);
    assert.equal(uart.read(0, 1), 0);
  });

  it('loops back data and modem lines', () => {
    const { uart, output, put } = make();
    put(4, 0x1a);
    assert.equal(uart.peek(6, 1) & 0xf0, 0x90, 'the test of 8250 drivers');
    uart.receive(text('z'));
    put(0, 0x55);
    assert.equal(uart.read(0, 1), 0x55);
    put(0, 1);
    put(0, 2);
    assert.equal(uart.peek(5, 1) & 0x02, 0x02);
    put(1, 4);
    assert.equal(iir(uart), 0x06);
    assert.equal(uart.read(5, 1) & 0x02, 0x02);
    assert.equal(iir(uart), 0x01, 'cleared by reading LSR');
    assert.deepEqual(output, []);
    assert.equal(uart.read(0, 1), 2);
    put(4, 0x0b);
    assert.equal(uart.read(0, 1), 0x7a, 'input arrives once the line is connected again');
  });

  it('reports changes of the modem lines once', () => {
    const { uart, put } = make();
    put(4, 0x10);
    put(1, 8);
    assert.equal(iir(uart), 0);
    assert.equal(uart.read(6, 1) & 0x0f, 0x0b);
    assert.equal(iir(uart), 1);
  });

  it('resumes in the middle of input', () => {
    const { uart, board, put } = make();
    put(2, 0xc1);
    put(1, 1);
    uart.receive(Uint8Array.from({ length: 40 }, (_, index) => index));
    uart.read(0, 1);
    const other = make(board);
    other.uart.restore(uart.save());
    assert.equal(inspectData(other.uart.save()), inspectData(uart.save()));
    for (let index = 1; index < 40; index++) assert.equal(other.uart.read(0, 1), index);
    assert.throws(() => uart.restore({ ...uart.save(), data: {} }), { code: 'SECTION_DATA' });
    assert.throws(() => uart.restore({ ...uart.save(), data: null }), { code: 'SECTION_DATA' });
  });

  it('survives a hostile guest', () => {
    const board = new TestBoard();
    const { uart } = make(board);
    for (let round = 0; round < 20; round++) {
      uart.receive(text('typed'));
      fuzz(uart, make(board).uart, round, [0, 1, 2, 3, 4, 5, 6, 7], 200);
      toDeadline(board, uart);
    }
  });
});
