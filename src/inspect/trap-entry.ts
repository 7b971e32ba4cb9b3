/**
 * Where the code at a trap vector has put what it interrupted, from its instructions alone: nothing else describes it, as
 * such code is assembly, swaps stacks, and saves what no compiler saves. The code is followed in a straight line from its
 * beginning, with what each register holds in terms of the interrupted ones: so it does not matter which stack is used, or
 * in which order. Where two ways meet, what they have in common counts. Behind an unconditional jump the state is that of an earlier branch there, else that before registers
 * were restored. Knows no loops; what it does not understand it forgets.
 */
import type { MachineView } from './view';
import {
  addi16sp,
  addi4spn,
  branchOffset,
  compressedBranchOffset,
  compressedJumpOffset,
  jumpOffset,
  loadSpOffset,
  storeSpOffset,
} from './instruction-fields';
import { RA } from './registers';

/** What a register or a place in memory holds: a value at the trap, plus a number. */
interface Held {
  /** `x5`, `f8`, `csr833`: the interrupted value of it. `const`: a number. Others: not known, but told apart. */
  readonly base: string;
  readonly offset: bigint;
}

/** Where interrupted values are, at one place of the handler. */
export interface TrapEntry {
  /** The interrupted value of `x1` to `x31`, `f0` to `f31`, or a CSR (`csr` and its number). */
  recover(name: string, registers: readonly (bigint | undefined)[], view: MachineView): bigint | undefined;
}

interface State {
  readonly registers: Map<number, Held>;
  readonly memory: Map<string, { readonly at: Held; readonly value: Held }>;
  readonly csrs: Map<number, Held>;
}

/** Bytes followed at most: entries of kernels are some hundred bytes. */
const MAX_BYTES = 4096;
const FLOAT = 32;

/** Follows [start, pc). Undefined where the code cannot be read, or is too long. */
export function followTrapEntry(view: MachineView, start: bigint, pc: bigint): TrapEntry | undefined {
  const length = Number(pc - start);
  if (length < 0 || length > MAX_BYTES) return undefined;
  const bytes = length === 0 ? new Uint8Array(0) : view.readMemory(start, length);
  if (bytes === undefined) return undefined;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const walk = new Follower();
  for (let at = 0; at + 2 <= length;) {
    const low = data.getUint16(at, true);
    const size = (low & 3) === 3 ? 4 : 2;
    if (at + size > length) break;
    walk.arrive(at);
    if (size === 4) walk.full(data.getUint32(at, true));
    else walk.compressed(low);
    at += size;
    if (at >= length) walk.arrive(at);
  }
  return walk.state.registers.size === 0 ? undefined : new Places(walk.state);
}

class Places implements TrapEntry {
  constructor(private readonly state: State) {}

  recover(name: string, registers: readonly (bigint | undefined)[], view: MachineView): bigint | undefined {
    for (const [index, held] of this.state.registers) {
      const value = held.base === name ? registers[index] : undefined;
      if (value !== undefined) return BigInt.asUintN(64, value - held.offset);
    }
    for (const { at, value } of this.state.memory.values()) {
      if (value.base !== name) continue;
      const base = this.resolve(at.base, registers);
      const bytes = base === undefined ? undefined : view.readMemory(wrap(base + at.offset), 8);
      if (bytes !== undefined) return wrap(numberOf(bytes) - value.offset);
    }
    return undefined;
  }

  /** A base of addresses, from a register that still holds it. */
  private resolve(base: string, registers: readonly (bigint | undefined)[]): bigint | undefined {
    if (base === 'const') return 0n;
    for (const [index, held] of this.state.registers) {
      const value = held.base === base ? registers[index] : undefined;
      if (value !== undefined) return value - held.offset;
    }
    return undefined;
  }
}

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const numberOf = (bytes: Uint8Array): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
const keyOf = ({ base, offset }: Held): string => `${base}+${String(offset)}`;
const copyOf = ({ registers, memory, csrs }: State): State => ({
  registers: new Map(registers),
  memory: new Map(memory),
  csrs: new Map(csrs),
});

class Follower {
  state: State;
  private readonly targets = new Map<number, State>();
  private beforeRestore: State | undefined;
  private at = 0;
  private cut = false;
  private unknowns = 0;

  constructor() {
    const registers = new Map<number, Held>();
    for (let index = 1; index < 32; index++) registers.set(index, { base: `x${index}`, offset: 0n });
    for (let index = 0; index < 32; index++) registers.set(FLOAT + index, { base: `f${index}`, offset: 0n });
    this.state = { registers, memory: new Map(), csrs: new Map() };
  }

  arrive(at: number): void {
    this.at = at;
    const branched = this.targets.get(at);
    if (this.cut) this.state = copyOf(branched ?? this.beforeRestore ?? this.state);
    else if (branched !== undefined) this.merge(branched);
    this.cut = false;
  }

  /** Two ways meet: only what is the same on both is known from here on. */
  private merge(other: State): void {
    const { registers, memory, csrs } = this.state;
    const isSame = (a: Held, b: Held | undefined): boolean => a.base === b?.base && a.offset === b.offset;
    for (const [index, held] of registers) {
      if (!isSame(held, other.registers.get(index))) registers.set(index, this.unknown());
    }
    for (const [number, held] of csrs) {
      if (!isSame(held, other.csrs.get(number))) csrs.set(number, this.unknown());
    }
    for (const number of other.csrs.keys()) if (!csrs.has(number)) csrs.set(number, this.unknown());
    for (const [key, { value }] of memory) {
      const there = other.memory.get(key)?.value;
      if (there === undefined || !isSame(value, there)) memory.delete(key);
    }
  }

  full(word: number): void {
    const rd = (word >>> 7) & 31;
    const funct3 = (word >>> 12) & 7;
    const rs1 = (word >>> 15) & 31;
    const rs2 = (word >>> 20) & 31;
    const immediate = BigInt(word >> 20);
    const stored = BigInt(((word >> 25) << 5) | rd);
    switch (word & 0x7f) {
      case 0x03:
        return funct3 === 3 ? this.load(rd, rs1, immediate) : this.lose(rd);
      case 0x07:
        return funct3 === 3 ? this.load(FLOAT + rd, rs1, immediate) : this.lose(FLOAT + rd);
      case 0x13:
        return funct3 === 0 ? this.add(rd, rs1, immediate) : this.lose(rd);
      case 0x23:
        return funct3 === 3 ? this.store(rs2, rs1, stored) : undefined;
      case 0x27:
        return funct3 === 3 ? this.store(FLOAT + rs2, rs1, stored) : undefined;
      case 0x37:
        return this.set(rd, { base: 'const', offset: BigInt(word & ~0xfff) });
      case 0x63:
        return this.branch(branchOffset(word));
      case 0x6f:
        return this.jump(rd, jumpOffset(word));
      case 0x67:
        return this.jump(rd);
      case 0x73:
        return this.system(word, rd, rs1, funct3);
      case 0x33:
        return word >>> 25 === 0 && funct3 === 0 ? this.sum(rd, rs1, rs2) : this.lose(rd);
      case 0x0f:
        return undefined;
      default:
        return this.lose(rd);
    }
  }

  compressed(half: number): void {
    const funct3 = half >> 13;
    const rd = (half >> 7) & 31;
    const rs2 = (half >> 2) & 31;
    const low = 8 + ((half >> 2) & 7);
    const base = 8 + ((half >> 7) & 7);
    const small = BigInt(((half >> 2) & 31) - ((half >> 12) & 1) * 32);
    const place = BigInt(((half >> 7) & 0x38) | ((half << 1) & 0xc0));
    switch (((half & 3) << 3) | funct3) {
      case 0x00: // c.addi4spn
        return this.add(low, 2, addi4spn(half));
      case 0x01: // c.fld
        return this.load(FLOAT + low, base, place);
      case 0x03: // c.ld
        return this.load(low, base, place);
      case 0x05: // c.fsd
        return this.store(FLOAT + low, base, place);
      case 0x07: // c.sd
        return this.store(low, base, place);
      case 0x08: // c.addi
        return this.add(rd, rd, small);
      case 0x0a: // c.li
        return this.add(rd, 0, small);
      case 0x0b: // c.addi16sp, c.lui
        return rd === 2
          ? this.add(2, 2, addi16sp(half))
          : this.set(rd, { base: 'const', offset: small << 12n });
      case 0x0d: // c.j
        return this.jump(0, compressedJumpOffset(half));
      case 0x0e: // c.beqz, c.bnez
      case 0x0f:
        return this.branch(compressedBranchOffset(half));
      case 0x11: // c.fldsp
        return this.load(FLOAT + rd, 2, loadSpOffset(half));
      case 0x13: // c.ldsp
        return this.load(rd, 2, loadSpOffset(half));
      case 0x14: // c.jr, c.mv, c.jalr, c.add
        if (rs2 === 0) return this.jump((half >> 12) & 1);
        return (half & 0x1000) === 0 ? this.add(rd, rs2, 0n) : this.sum(rd, rd, rs2);
      case 0x15: // c.fsdsp
        return this.store(FLOAT + rs2, 2, storeSpOffset(half));
      case 0x17: // c.sdsp
        return this.store(rs2, 2, storeSpOffset(half));
      case 0x06: // c.sw
      case 0x16: // c.swsp
        return undefined;
      case 0x0c:
        return this.lose(base);
      case 0x02: // c.lw
        return this.lose(low);
      default:
        return this.lose(rd);
    }
  }

  private get(index: number): Held {
    if (index === 0) return { base: 'const', offset: 0n };
    return this.state.registers.get(index) ?? this.unknown();
  }

  private set(index: number, held: Held): void {
    if (index !== 0) this.state.registers.set(index, held);
  }

  private unknown(): Held {
    return { base: `?${this.unknowns++}`, offset: 0n };
  }

  private lose(index: number): void {
    this.set(index, this.unknown());
  }

  private add(rd: number, rs1: number, immediate: bigint): void {
    const { base, offset } = this.get(rs1);
    this.set(rd, { base, offset: offset + immediate });
  }

  private sum(rd: number, rs1: number, rs2: number): void {
    const [a, b] = [this.get(rs1), this.get(rs2)];
    if (b.base === 'const') this.set(rd, { base: a.base, offset: a.offset + b.offset });
    else if (a.base === 'const') this.set(rd, { base: b.base, offset: a.offset + b.offset });
    else this.lose(rd);
  }

  private load(rd: number, rs1: number, immediate: bigint): void {
    const { base, offset } = this.get(rs1);
    const at = { base, offset: offset + immediate };
    const known = this.state.memory.get(keyOf(at))?.value;
    // A register comes back to what it was: from here on the code leaves the trap.
    if (known?.base === nameOf(rd) && known.offset === 0n) this.beforeRestore ??= copyOf(this.state);
    this.set(rd, known ?? { base: `*${keyOf(at)}`, offset: 0n });
  }

  private store(rs2: number, rs1: number, immediate: bigint): void {
    const { base, offset } = this.get(rs1);
    const at = { base, offset: offset + immediate };
    this.state.memory.set(keyOf(at), { at, value: this.get(rs2) });
  }

  private system(word: number, rd: number, rs1: number, funct3: number): void {
    const number = word >>> 20;
    if (funct3 === 0) {
      if (word === 0x1020_0073 || word === 0x3020_0073) this.jump(0);
      return;
    }
    const old = this.state.csrs.get(number) ?? { base: `csr${number}`, offset: 0n };
    const source = funct3 < 4 ? this.get(rs1) : { base: 'const', offset: BigInt(rs1) };
    if ((funct3 & 3) === 1) this.state.csrs.set(number, source);
    else if (rs1 !== 0) this.state.csrs.set(number, this.unknown());
    this.set(rd, old);
  }

  private branch(offset: number): void {
    const target = this.at + offset;
    if (offset > 0 && !this.targets.has(target)) this.targets.set(target, copyOf(this.state));
  }

  private jump(link: number, offset?: number): void {
    if (link === 0) {
      if (offset !== undefined) this.branch(offset);
      this.cut = true;
      return;
    }
    // A call gives back what is preserved; all else may be anything.
    for (const index of this.state.registers.keys()) {
      if (index === RA || !isKept(index)) this.lose(index);
    }
  }
}

/** The code holds sret or mret. */
export const hasTrapReturn = (code: Uint8Array): boolean => {
  const data = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at + 4 <= code.length; at += 2) {
    const word = data.getUint32(at, true);
    if (word === 0x1020_0073 || word === 0x3020_0073) return true;
  }
  return false;
};

const nameOf = (index: number): string => (index < FLOAT ? `x${index}` : `f${index - FLOAT}`);

const isKept = (index: number): boolean => {
  const number = index & 31;
  const isSaved = number === 8 || number === 9 || (number >= 18 && number <= 27);
  return isSaved || (index < FLOAT && number >= 2 && number <= 4);
};
