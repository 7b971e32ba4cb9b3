/**
 * The goldfish real-time clock: nanoseconds since 1970 in two 32-bit halves, and one alarm. Its time is the start time
 * of the settings plus virtual time (I1); nothing here looks at a clock of the host.
 */
import { instret, type Instret } from '../../base/brand';
import type { AccessSize, Device, DeviceContext, Section, Waiting } from '../device';
import { SectionReader } from './section';

export const RTC_BASE = 0x101000;
export const RTC_IRQ = 11;
/** 2025-01-01T00:00:00Z, in nanoseconds: any fixed value would do, but certificates and file systems like a recent one. */
export const RTC_DEFAULT_START_NS = 1_735_689_600_000_000_000n;
const VERSION = 1;
/** The timebase is 10 MHz. */
const NS_PER_TICK = 100n;

const TIME_LOW = 0x00;
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08;
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;

export interface RtcConfig {
  /** Time at instant 0, in nanoseconds since 1970. */
  readonly startNs?: bigint;
}

export class Rtc implements Device {
  readonly name = 'rtc';
  readonly base = RTC_BASE;
  readonly sizeBytes = 0x1000;
  /** Time at instant 0; the guest's writes of the time move it. */
  private originNs: bigint;
  /** High half of the time that TIME_LOW was read from, so that the two halves belong together. */
  private latchedHigh = 0;
  private alarmNs = 0n;
  private alarmAt: number = Infinity;
  private irqPending = false;
  private irqEnabled = false;

  constructor(
    config: RtcConfig,
    private readonly context: DeviceContext,
  ) {
    this.originNs = config.startNs ?? RTC_DEFAULT_START_NS;
  }

  read(offset: number, size: AccessSize): number {
    if (offset === TIME_LOW && size === 4) this.latchedHigh = Number(this.timeNs() >> 32n);
    return this.peek(offset, size);
  }

  peek(offset: number, size: AccessSize): number {
    if (size !== 4) return 0;
    switch (offset) {
      case TIME_LOW:
        return low(this.timeNs());
      case TIME_HIGH:
        return this.latchedHigh;
      case ALARM_LOW:
        return low(this.alarmNs);
      case ALARM_HIGH:
        return Number(this.alarmNs >> 32n);
      case IRQ_ENABLED:
        return this.irqEnabled ? 1 : 0;
      case ALARM_STATUS:
        return this.alarmAt === Infinity ? 0 : 1;
      default:
        return 0;
    }
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size === 4) this.writeRegister(offset, value);
  }

  deadline(): Instret | typeof Infinity {
    return this.alarmAt;
  }

  onDeadline(now: Instret): Waiting | undefined {
    if (now >= this.alarmAt) this.ring();
    return undefined;
  }

  save(): Section {
    return {
      name: this.name,
      version: VERSION,
      data: {
        originNs: this.originNs,
        latchedHigh: this.latchedHigh,
        alarmNs: this.alarmNs,
        alarmArmed: this.alarmAt !== Infinity,
        irqPending: this.irqPending,
        irqEnabled: this.irqEnabled,
      },
    };
  }

  restore(section: Section): void {
    const fields = SectionReader.open(section, this.name, VERSION);
    const armed = fields.boolean('alarmArmed');
    this.originNs = fields.u64('originNs');
    this.latchedHigh = fields.number('latchedHigh', 0xffff_ffff);
    this.alarmNs = fields.u64('alarmNs');
    this.irqPending = fields.boolean('irqPending');
    this.irqEnabled = fields.boolean('irqEnabled');
    this.alarmAt = armed ? this.instantOf(this.alarmNs) : Infinity;
    this.context.deadlineChanged();
  }

  /** The time goes on over a system reset: a clock has a battery. */
  reset(): void {
    this.latchedHigh = 0;
    this.alarmNs = 0n;
    this.irqPending = this.irqEnabled = false;
    this.disarm();
    this.updateIrq();
  }

  private writeRegister(offset: number, value: number): void {
    switch (offset) {
      case TIME_LOW:
        this.setTime((this.timeNs() & HIGH) | BigInt(value));
        break;
      case TIME_HIGH:
        this.setTime((this.timeNs() & LOW) | (BigInt(value) << 32n));
        break;
      case ALARM_LOW:
        this.alarmNs = (this.alarmNs & HIGH) | BigInt(value);
        this.arm();
        break;
      case ALARM_HIGH:
        this.alarmNs = (this.alarmNs & LOW) | (BigInt(value) << 32n);
        break;
      case IRQ_ENABLED:
        this.irqEnabled = (value & 1) !== 0;
        this.updateIrq();
        break;
      case CLEAR_ALARM:
        this.disarm();
        break;
      case CLEAR_INTERRUPT:
        this.irqPending = false;
        this.updateIrq();
        break;
    }
  }

  private timeNs(): bigint {
    return BigInt.asUintN(64, this.originNs + this.elapsedNs());
  }

  private elapsedNs(): bigint {
    // From instants and not from ticks(), which the guest can set by writing mtime.
    return (BigInt(this.context.now()) * NS_PER_TICK) / BigInt(this.context.instructionsPerTick);
  }

  private setTime(ns: bigint): void {
    this.originNs = BigInt.asUintN(64, ns - this.elapsedNs());
    if (this.alarmAt !== Infinity) this.arm();
  }

  private arm(): void {
    if (this.alarmNs <= this.timeNs()) {
      this.ring();
      return;
    }
    this.alarmAt = this.instantOf(this.alarmNs);
    this.context.deadlineChanged();
  }

  private ring(): void {
    this.irqPending = true;
    this.disarm();
    this.updateIrq();
  }

  private disarm(): void {
    if (this.alarmAt === Infinity) return;
    this.alarmAt = Infinity;
    this.context.deadlineChanged();
  }

  /** The first instant at which the clock shows at least `ns`; Infinity when no run gets there. */
  private instantOf(ns: bigint): number {
    const perTick = BigInt(this.context.instructionsPerTick);
    const elapsed = BigInt.asUintN(64, ns - this.originNs);
    const at = (elapsed * perTick + NS_PER_TICK - 1n) / NS_PER_TICK;
    // Far beyond any run, yet an alarm that is shown as running.
    return instret(Number(at < MAX_INSTANT ? at : MAX_INSTANT));
  }

  private updateIrq(): void {
    this.context.setIrq(this.irqPending && this.irqEnabled);
  }
}

const LOW = 0xffff_ffffn;
const HIGH = 0xffff_ffff_0000_0000n;
const MAX_INSTANT = BigInt(Number.MAX_SAFE_INTEGER);
const low = (value: bigint): number => Number(value & LOW);
