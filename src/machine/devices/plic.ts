/**
 * The platform-level interrupt controller (RISC-V PLIC specification 1.0.0) in QEMU virt's layout: 96 sources (0 does
 * not exist), 3 bits of priority, two contexts a hart: 2*hart is M, 2*hart+1 is S.
 *
 * Sources are level-triggered. The gateway makes a source pending while its line is high, except from claim to
 * completion; a line that is still high at completion is pending again at once. A line that falls before it has been
 * claimed takes its pending bit with it, as in QEMU: a handler never finds nothing to do.
 */
import { type Instret } from '../../base/brand';
import type { AccessSize, Device, Section, Waiting } from '../device';
import { SectionReader } from './section';

export const PLIC_BASE = 0xc000000;
export const PLIC_SOURCES = 96;
const SIZE_BYTES = 0x600000;
const WORDS = PLIC_SOURCES / 32;
const MAX_PRIORITY = 7;
const PENDING = 0x1000;
const ENABLE = 0x2000;
const ENABLE_STRIDE = 0x80;
const CONTEXT = 0x200000;
const CONTEXT_STRIDE = 0x1000;
const VERSION = 1;
const U32 = 0xffff_ffff;

/** Drives the external interrupt of a context: 2*hart is MEIP, 2*hart+1 is SEIP of the hart. */
export type SetExternal = (context: number, level: boolean) => void;

export interface PlicConfig {
  readonly harts: number;
}

export class Plic implements Device {
  readonly name = 'plic';
  readonly base = PLIC_BASE;
  readonly sizeBytes = SIZE_BYTES;
  private readonly contexts: number;
  private readonly priority = new Uint32Array(PLIC_SOURCES);
  /** One bit a source, 32 to a word. */
  private readonly lines = new Uint32Array(WORDS);
  private readonly pending = new Uint32Array(WORDS);
  private readonly claimed = new Uint32Array(WORDS);
  /** WORDS words a context. */
  private readonly enabled: Uint32Array;
  private readonly threshold: Uint32Array;
  /** What the harts were told last. */
  private readonly external: boolean[];

  constructor(
    config: PlicConfig,
    private readonly setExternal: SetExternal,
  ) {
    this.contexts = 2 * config.harts;
    this.enabled = new Uint32Array(this.contexts * WORDS);
    this.threshold = new Uint32Array(this.contexts);
    this.external = new Array<boolean>(this.contexts).fill(false);
  }

  /** A device drives its line. `source` is 1..95. */
  setLine(source: number, level: boolean): void {
    if (source <= 0 || source >= PLIC_SOURCES || bit(this.lines, source) === level) return;
    setBit(this.lines, source, level);
    if (!level) setBit(this.pending, source, false);
    else if (!bit(this.claimed, source)) setBit(this.pending, source, true);
    this.update();
  }

  read(offset: number, size: AccessSize): number {
    if (size !== 4 || (offset & 3) !== 0) return 0;
    const context = this.claimContext(offset);
    return context === undefined ? this.peek(offset, size) : this.claim(context);
  }

  /** Aligned words only, as on the bus of QEMU's; others read 0. */
  peek(offset: number, size: AccessSize): number {
    if (size !== 4 || (offset & 3) !== 0) return 0;
    if (offset < PENDING) return this.priority[offset >> 2] ?? 0;
    if (offset < ENABLE) return this.pending[(offset - PENDING) >> 2] ?? 0;
    if (offset < CONTEXT) return this.enabled[this.enableIndex(offset)] ?? 0;
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    const register = (offset - CONTEXT) % CONTEXT_STRIDE;
    if (context >= this.contexts) return 0;
    if (register === 0) return this.threshold[context] ?? 0;
    return register === 4 ? this.best(context) : 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (size !== 4 || (offset & 3) !== 0) return;
    if (offset < PENDING) {
      const source = offset >> 2;
      // Source 0 does not exist.
      if (source > 0 && source < PLIC_SOURCES) this.priority[source] = value & MAX_PRIORITY;
    } else if (offset < ENABLE) {
      return; // pending bits are read-only
    } else if (offset < CONTEXT) {
      this.writeEnable(this.enableIndex(offset), value);
    } else {
      this.writeContext(offset, value);
    }
    this.update();
  }

  deadline(): typeof Infinity {
    return Infinity;
  }

  onDeadline(_now: Instret): Waiting | undefined {
    return undefined;
  }

  save(): Section {
    const { priority, lines, pending, claimed, enabled, threshold } = this;
    const data = { priority, lines, pending, claimed, enabled, threshold };
    return {
      name: this.name,
      version: VERSION,
      data: Object.fromEntries(Object.entries(data).map(([key, values]) => [key, [...values]])),
    };
  }

  restore(section: Section): void {
    const fields = SectionReader.open(section, this.name, VERSION);
    const read = (key: string, into: Uint32Array, max: number) => fields.numbers(key, into.length, max);
    const priority = read('priority', this.priority, MAX_PRIORITY);
    const lines = read('lines', this.lines, U32);
    const pending = read('pending', this.pending, U32);
    const claimed = read('claimed', this.claimed, U32);
    const enabled = read('enabled', this.enabled, U32);
    this.threshold.set(read('threshold', this.threshold, MAX_PRIORITY));
    this.priority.set(priority);
    this.lines.set(lines);
    this.pending.set(pending);
    this.claimed.set(claimed);
    this.enabled.set(enabled);
    this.tellHarts();
  }

  reset(): void {
    // Lines belong to the devices, which drive them anew at their own reset.
    for (const state of [this.priority, this.pending, this.claimed, this.enabled, this.threshold])
      state.fill(0);
    this.pending.set(this.lines);
    this.tellHarts();
  }

  private claimContext(offset: number): number | undefined {
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    const isClaim = offset >= CONTEXT && (offset - CONTEXT) % CONTEXT_STRIDE === 4;
    return isClaim && context < this.contexts ? context : undefined;
  }

  private claim(context: number): number {
    const source = this.best(context);
    if (source !== 0) {
      setBit(this.pending, source, false);
      setBit(this.claimed, source, true);
      this.update();
    }
    return source;
  }

  private complete(source: number): void {
    if (source <= 0 || source >= PLIC_SOURCES || !bit(this.claimed, source)) return;
    setBit(this.claimed, source, false);
    if (bit(this.lines, source)) setBit(this.pending, source, true);
  }

  /** Index into `enabled`, or -1 where no register is. */
  private enableIndex(offset: number): number {
    const context = Math.floor((offset - ENABLE) / ENABLE_STRIDE);
    const word = ((offset - ENABLE) % ENABLE_STRIDE) >> 2;
    return context < this.contexts && word < WORDS ? context * WORDS + word : -1;
  }

  private writeEnable(index: number, value: number): void {
    if (index < 0) return;
    this.enabled[index] = index % WORDS === 0 ? value & ~1 : value;
  }

  private writeContext(offset: number, value: number): void {
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE);
    const register = (offset - CONTEXT) % CONTEXT_STRIDE;
    if (context >= this.contexts) return;
    if (register === 0) this.threshold[context] = value & MAX_PRIORITY;
    else if (register === 4) this.complete(value);
  }

  /** The source that a claim would return: highest priority above the threshold, the lowest number among equals. */
  private best(context: number): number {
    let source = 0;
    let above = this.threshold[context] ?? MAX_PRIORITY;
    for (let word = 0; word < WORDS; word++) {
      let candidates = (this.pending[word] ?? 0) & (this.enabled[context * WORDS + word] ?? 0);
      while (candidates !== 0) {
        const lowest = 31 - Math.clz32(candidates & -candidates);
        const candidate = word * 32 + lowest;
        const priority = this.priority[candidate] ?? 0;
        if (priority > above) {
          source = candidate;
          above = priority;
        }
        candidates &= candidates - 1;
      }
    }
    return source;
  }

  private update(): void {
    for (let context = 0; context < this.contexts; context++) {
      const level = this.best(context) !== 0;
      if (level === this.external[context]) continue;
      this.external[context] = level;
      this.setExternal(context, level);
    }
  }

  private tellHarts(): void {
    for (let context = 0; context < this.contexts; context++) {
      const level = this.best(context) !== 0;
      this.external[context] = level;
      this.setExternal(context, level);
    }
  }
}

const bit = (words: Uint32Array, index: number): boolean =>
  (((words[index >> 5] ?? 0) >>> (index & 31)) & 1) === 1;

function setBit(words: Uint32Array, index: number, value: boolean): void {
  const mask = 1 << (index & 31);
  const word = words[index >> 5] ?? 0;
  words[index >> 5] = value ? word | mask : word & ~mask;
}
