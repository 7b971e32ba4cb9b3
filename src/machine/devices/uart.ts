/**
 * The serial port: an NS16550A (National Semiconductor PC16550D data sheet; register names are from there).
 *
 * Transmission takes no time, so the divisor is held but not used, and the transmitter is empty whenever the guest
 * looks. Input is never lost to the guest being slow: bytes wait in a queue without bound and enter the receive FIFO
 * as there is room. The queue is part of the saved state, because the bytes in it have already entered the run (I2).
 * No break, parity or framing errors arise; overrun is possible in loopback only.
 */
import { instret, type Instret } from '../../base/brand';
import type { AccessSize, Device, DeviceContext, Section, Waiting } from '../device';
import { ByteQueue } from './byte-queue';
import { savedDeadline, SectionReader } from './section';

export const UART_BASE = 0x10000000;
export const UART_IRQ = 10;
const VERSION = 1;
const FIFO_BYTES = 16;
/** Ticks until a FIFO below its trigger level interrupts: four characters of 10 bits at 115200 baud. */
const TIMEOUT_TICKS = 3472;

const RBR_THR = 0;
const IER_REG = 1;
const IIR_FCR = 2;
const LCR_REG = 3;
const MCR_REG = 4;
const LSR_REG = 5;
const MSR_REG = 6;
const SCR_REG = 7;

const IER_RX = 0x01;
const IER_THRE = 0x02;
const IER_LINE = 0x04;
const IER_MODEM = 0x08;
const IIR_NONE = 0x01;
const IIR_LINE = 0x06;
const IIR_RX = 0x04;
const IIR_TIMEOUT = 0x0c;
const IIR_THRE = 0x02;
const IIR_MODEM = 0x00;
const IIR_FIFOS = 0xc0;
const FCR_ENABLE = 0x01;
const FCR_CLEAR_RX = 0x02;
const LCR_DLAB = 0x80;
const MCR_LOOP = 0x10;
const MCR_OUT2 = 0x08;
const LSR_READY = 0x01;
const LSR_OVERRUN = 0x02;
const LSR_THRE = 0x20;
const LSR_TEMT = 0x40;
/** Carrier, data set ready, clear to send: somebody is listening. */
const MSR_CONNECTED = 0xb0;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;

export interface UartConfig {
  /** Name of the section. */
  readonly name?: string;
  readonly base?: number;
}

export class Uart implements Device {
  readonly name: string;
  readonly base: number;
  readonly sizeBytes = 0x100;
  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = MCR_OUT2;
  private msr = MSR_CONNECTED;
  private scr = 0;
  private divisor = 0x0c;
  private overrun = false;
  private thrEmptyPending = false;
  private timeoutPending = false;
  private timeoutAt: number = Infinity;
  private fifo: number[] = [];
  private readonly waiting = new ByteQueue();

  constructor(
    config: UartConfig,
    private readonly context: DeviceContext,
    private readonly onOutput: (byte: number) => void,
  ) {
    this.name = config.name ?? 'uart0';
    this.base = config.base ?? UART_BASE;
  }

  /** True when a byte would enter the receive FIFO at once. */
  get canReceive(): boolean {
    return this.hasRoom() && this.waiting.length === 0;
  }

  /** Bytes arrive from outside, at this instant. */
  receive(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.refill();
    this.updateIrq();
  }

  read(offset: number, _size: AccessSize): number {
    const value = this.peek(offset, 1);
    if (offset === RBR_THR && !this.dlab()) this.popReceived();
    else if (offset === IIR_FCR && (value & 0x0f) === IIR_THRE) this.thrEmptyPending = false;
    else if (offset === LSR_REG) this.overrun = false;
    else if (offset === MSR_REG) this.msr &= 0xf0;
    else return value;
    this.updateIrq();
    return value;
  }

  peek(offset: number, _size: AccessSize): number {
    switch (offset) {
      case RBR_THR:
        return this.dlab() ? this.divisor & 0xff : (this.fifo[0] ?? 0);
      case IER_REG:
        return this.dlab() ? this.divisor >> 8 : this.ier;
      case IIR_FCR:
        return this.interruptId() | (this.fifosOn() ? IIR_FIFOS : 0);
      case LCR_REG:
        return this.lcr;
      case MCR_REG:
        return this.mcr;
      case LSR_REG:
        return this.lineStatus();
      case MSR_REG:
        return this.modemStatus();
      case SCR_REG:
        return this.scr;
      default:
        return 0;
    }
  }

  write(offset: number, _size: AccessSize, wide: number): void {
    const value = wide & 0xff;
    switch (offset) {
      case RBR_THR:
        if (this.dlab()) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case IER_REG:
        if (this.dlab()) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.setInterruptEnable(value & 0x0f);
        break;
      case IIR_FCR:
        this.setFifoControl(value);
        break;
      case LCR_REG:
        this.lcr = value;
        break;
      case MCR_REG:
        this.setModemControl(value & 0x1f);
        break;
      case SCR_REG:
        this.scr = value;
        break;
      default:
        return;
    }
    this.updateIrq();
  }

  deadline(): Instret | typeof Infinity {
    return this.timeoutAt;
  }

  onDeadline(now: Instret): Waiting | undefined {
    if (now < this.timeoutAt) return undefined;
    this.setTimeoutAt(Infinity);
    this.timeoutPending = this.fifo.length > 0;
    this.updateIrq();
    return undefined;
  }

  save(): Section {
    const { ier, fcr, lcr, mcr, msr, scr, divisor, overrun, thrEmptyPending, timeoutPending } = this;
    return {
      name: this.name,
      version: VERSION,
      data: {
        ...{ ier, fcr, lcr, mcr, msr, scr, divisor, overrun, thrEmptyPending, timeoutPending },
        timeoutAt: savedDeadline(this.timeoutAt),
        fifo: Uint8Array.from(this.fifo),
        waiting: this.waiting.contents(),
      },
    };
  }

  restore(section: Section): void {
    const fields = SectionReader.open(section, this.name, VERSION);
    this.ier = fields.number('ier', 0x0f);
    this.fcr = fields.number('fcr', 0xff);
    this.lcr = fields.number('lcr', 0xff);
    this.mcr = fields.number('mcr', 0x1f);
    this.msr = fields.number('msr', 0xff);
    this.scr = fields.number('scr', 0xff);
    this.divisor = fields.number('divisor', 0xffff);
    this.overrun = fields.boolean('overrun');
    this.thrEmptyPending = fields.boolean('thrEmptyPending');
    this.timeoutPending = fields.boolean('timeoutPending');
    this.fifo = [...fields.bytes('fifo').subarray(0, FIFO_BYTES)];
    this.waiting.clear();
    this.waiting.push(fields.bytes('waiting'));
    this.setTimeoutAt(fields.deadline('timeoutAt'));
  }

  /** Bytes that wait outside the chip stay: a reset of the guest does not stop who is typing. */
  reset(): void {
    this.ier = this.fcr = this.lcr = this.scr = 0;
    this.mcr = MCR_OUT2;
    this.msr = MSR_CONNECTED;
    this.divisor = 0x0c;
    this.overrun = this.thrEmptyPending = false;
    this.clearReceived();
    this.refill();
    this.updateIrq();
  }

  private transmit(byte: number): void {
    this.thrEmptyPending = true;
    if (!this.loopback()) {
      this.onOutput(byte);
      return;
    }
    if (this.hasRoom()) {
      this.pushReceived(byte);
      return;
    }
    this.overrun = true;
    // Without FIFOs the new character takes the place of the old one; with them the shift register's is lost.
    if (!this.fifosOn()) this.fifo = [byte];
  }

  private setInterruptEnable(value: number): void {
    const turnedOn = value & ~this.ier;
    if ((turnedOn & IER_THRE) !== 0) this.thrEmptyPending = true;
    if ((value & IER_THRE) === 0) this.thrEmptyPending = false;
    this.ier = value;
  }

  private setFifoControl(value: number): void {
    const switched = ((value ^ this.fcr) & FCR_ENABLE) !== 0;
    this.fcr = (value & FCR_ENABLE) !== 0 ? value & 0xc9 : 0;
    // Clearing the transmit FIFO has nothing to clear.
    if (switched || (value & FCR_CLEAR_RX) !== 0) this.clearReceived();
    this.refill();
  }

  private setModemControl(value: number): void {
    const before = this.modemStatus();
    this.mcr = value;
    const changed = (before ^ this.modemStatus()) >> 4;
    // The trailing edge of RI alone counts (TERI).
    const ringEnded = (before & 0x40) !== 0 && (this.modemStatus() & 0x40) === 0;
    this.msr |= (changed & 0x0b) | (ringEnded ? 0x04 : 0);
    this.refill();
  }

  private popReceived(): void {
    this.fifo.shift();
    this.timeoutPending = false;
    this.setTimeoutAt(this.fifo.length > 0 ? this.timeoutFromNow() : Infinity);
    this.refill();
  }

  private pushReceived(byte: number): void {
    this.fifo.push(byte);
    this.setTimeoutAt(this.timeoutFromNow());
  }

  private clearReceived(): void {
    this.fifo = [];
    this.timeoutPending = false;
    this.setTimeoutAt(Infinity);
  }

  /** In loopback the receiver is disconnected from the line. */
  private refill(): void {
    while (!this.loopback() && this.hasRoom()) {
      const byte = this.waiting.shift();
      if (byte === undefined) return;
      this.pushReceived(byte);
    }
  }

  private lineStatus(): number {
    const ready = this.fifo.length > 0 ? LSR_READY : 0;
    return LSR_THRE | LSR_TEMT | ready | (this.overrun ? LSR_OVERRUN : 0);
  }

  private modemStatus(): number {
    if (!this.loopback()) return this.msr;
    const { mcr } = this;
    // CTS <- RTS, DSR <- DTR, RI <- OUT1, DCD <- OUT2
    const lines = ((mcr & 2) << 3) | ((mcr & 1) << 5) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
    return (this.msr & 0x0f) | lines;
  }

  /** The pending interrupt of the highest priority (data sheet, table 4). */
  private interruptId(): number {
    if ((this.ier & IER_LINE) !== 0 && this.overrun) return IIR_LINE;
    if ((this.ier & IER_RX) !== 0) {
      if (this.fifo.length >= this.triggerLevel()) return IIR_RX;
      if (this.timeoutPending) return IIR_TIMEOUT;
    }
    if ((this.ier & IER_THRE) !== 0 && this.thrEmptyPending) return IIR_THRE;
    if ((this.ier & IER_MODEM) !== 0 && (this.msr & 0x0f) !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  private triggerLevel(): number {
    return this.fifosOn() ? (TRIGGER_LEVELS[this.fcr >> 6] ?? 1) : 1;
  }

  private updateIrq(): void {
    this.context.setIrq(this.interruptId() !== IIR_NONE);
  }

  private hasRoom(): boolean {
    return this.fifo.length < (this.fifosOn() ? FIFO_BYTES : 1);
  }

  private timeoutFromNow(): number {
    if (!this.fifosOn()) return Infinity;
    return instret(this.context.now() + TIMEOUT_TICKS * this.context.instructionsPerTick);
  }

  private setTimeoutAt(at: number): void {
    if (at === this.timeoutAt) return;
    this.timeoutAt = at;
    this.context.deadlineChanged();
  }

  private fifosOn(): boolean {
    return (this.fcr & FCR_ENABLE) !== 0;
  }

  private dlab(): boolean {
    return (this.lcr & LCR_DLAB) !== 0;
  }

  private loopback(): boolean {
    return (this.mcr & MCR_LOOP) !== 0;
  }
}
