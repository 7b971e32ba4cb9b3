/**
 * The core-local interruptor (SiFive CLINT; ACLINT MSWI + MTIMER with the same layout): a software interrupt and a
 * timer comparator for each hart, and mtime. The device holds the comparators only: the machine compares them with
 * its time and drives MTIP, as it does for stimecmp (Sstc), because only it knows when time passes.
 */
import { type Instret } from '../../base/brand';
import type { AccessSize, Device, DeviceContext, Section, Waiting } from '../device';
import { SectionReader } from './section';

export const CLINT_BASE = 0x2000000;
const SIZE_BYTES = 0x10000;
const TIMECMP = 0x4000;
const MTIME = 0xbff8;
const VERSION = 1;
/** No tick is ever this late, so that a hart without a program for its timer sees no interrupt. */
const NEVER = 0xffff_ffff_ffff_ffffn;

/** The harts as the CLINT sees them. */
export interface HartLines {
  /** Drives MSIP of the hart. */
  setSoftware(hart: number, level: boolean): void;
  /** `timecmp(hart)` is another one now: MTIP has to be driven anew. */
  timecmpChanged(hart: number): void;
  /** The guest wrote mtime: from this instant on, time is `ticks`. */
  setTicks(ticks: bigint): void;
}

export interface ClintConfig {
  readonly harts: number;
}

export class Clint implements Device {
  readonly name = 'clint';
  readonly base = CLINT_BASE;
  readonly sizeBytes = SIZE_BYTES;
  private software: boolean[];
  private timecmps: bigint[];

  constructor(
    private readonly config: ClintConfig,
    private readonly context: DeviceContext,
    private readonly lines: HartLines,
  ) {
    this.software = new Array<boolean>(config.harts).fill(false);
    this.timecmps = new Array<bigint>(config.harts).fill(NEVER);
  }

  /** mtimecmp of the hart, in ticks. */
  timecmp(hart: number): bigint {
    return this.timecmps[hart] ?? NEVER;
  }

  read(offset: number, size: AccessSize): number {
    return this.peek(offset, size);
  }

  peek(offset: number, size: AccessSize): number {
    const shift = (offset & 3) * 8;
    return truncate(this.word(offset & ~3) >>> shift, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const at = offset & ~3;
    const shift = (offset & 3) * 8;
    const mask = size === 4 ? 0xffff_ffff : ((1 << (8 * size)) - 1) << shift;
    const word = ((this.word(at) & ~mask) | ((value << shift) & mask)) >>> 0;
    const hart = at >> 2;
    if (hart < this.config.harts) {
      this.software[hart] = (word & 1) !== 0;
      this.lines.setSoftware(hart, (word & 1) !== 0);
    } else if (at === MTIME || at === MTIME + 4) {
      this.lines.setTicks(withHalf(BigInt(this.context.ticks()), at === MTIME, word));
    } else {
      this.writeTimecmp(at, word);
    }
  }

  deadline(): typeof Infinity {
    return Infinity;
  }

  onDeadline(_now: Instret): Waiting | undefined {
    return undefined;
  }

  save(): Section {
    return {
      name: this.name,
      version: VERSION,
      data: { software: this.software.map(Number), timecmp: [...this.timecmps] },
    };
  }

  restore(section: Section): void {
    const fields = SectionReader.open(section, this.name, VERSION);
    const software = fields.numbers('software', this.config.harts, 1).map(Boolean);
    this.timecmps = fields.u64s('timecmp', this.config.harts);
    this.software = software;
    this.tellHarts();
  }

  reset(): void {
    this.software.fill(false);
    this.timecmps.fill(NEVER);
    this.tellHarts();
  }

  private tellHarts(): void {
    for (let hart = 0; hart < this.config.harts; hart++) {
      this.lines.setSoftware(hart, this.software[hart] ?? false);
      this.lines.timecmpChanged(hart);
    }
  }

  /** The aligned 32-bit word at this offset. */
  private word(at: number): number {
    const hart = at >> 2;
    if (hart < this.config.harts) return this.software[hart] === true ? 1 : 0;
    if (at === MTIME || at === MTIME + 4) return half(BigInt(this.context.ticks()), at === MTIME);
    const index = (at - TIMECMP) >> 3;
    if (at >= TIMECMP && index < this.config.harts) return half(this.timecmp(index), (at & 4) === 0);
    return 0;
  }

  private writeTimecmp(at: number, word: number): void {
    const hart = (at - TIMECMP) >> 3;
    if (at < TIMECMP || hart >= this.config.harts) return;
    this.timecmps[hart] = withHalf(this.timecmp(hart), (at & 4) === 0, word);
    this.lines.timecmpChanged(hart);
  }
}

const truncate = (value: number, size: AccessSize): number =>
  size === 4 ? value >>> 0 : value & ((1 << (8 * size)) - 1);

const half = (value: bigint, low: boolean): number => Number(BigInt.asUintN(32, low ? value : value >> 32n));

const withHalf = (value: bigint, low: boolean, word: number): bigint =>
  low ? (value & 0xffff_ffff_0000_0000n) | BigInt(word) : (value & 0xffff_ffffn) | (BigInt(word) << 32n);
