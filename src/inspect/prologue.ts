/**
 * What a function did to its stack frame so far, from its instructions alone: the fallback where no call frame
 * information exists (assembly, stripped code). Follows the code in a straight line from the function's start. Behind
 * an unconditional jump the frame is as it was where an earlier branch led there; without such a branch, an epilogue
 * before the jump is undone, since the code there belongs to a path that still has the frame.
 * Knows only what compilers put into prologues: sp adjustments, stores of registers, the set-up of s0 as frame pointer.
 */
import type { MachineView } from './view';
import {
  addi16sp,
  addi4spn,
  branchOffset,
  compressedBranchOffset,
  compressedJumpOffset,
  jumpOffset,
} from './instruction-fields';
import { FP, RA, SP } from './registers';

/** Everything relative to the canonical frame address (sp before the function's first instruction). */
export interface FrameShape {
  /** CFA - sp. */
  readonly spDistance: bigint;
  /** CFA - s0, once s0 is the frame pointer. */
  readonly fpDistance: bigint | undefined;
  /** Registers stored by now: number to (address - CFA). */
  readonly saved: ReadonlyMap<number, bigint>;
  /** False when sp was changed in a way that is not understood. */
  readonly spKnown: boolean;
  /** A call overwrote ra before it was saved: the function never returns (reset code). */
  readonly raLost: boolean;
}

interface State {
  sp: bigint;
  fp: bigint | undefined;
  saved: Map<number, bigint>;
  spKnown: boolean;
}

/** Bytes scanned at most: frames are set up early, and a jump table in the middle would only mislead. */
const MAX_SCAN = 16384;

/** Scans [start, pc). `everyRegister`: also count stores of caller-saved registers (trap handlers). */
export const scanPrologue = (
  view: MachineView,
  start: bigint,
  pc: bigint,
  everyRegister = false,
): FrameShape | undefined => {
  const length = Number(pc - start);
  if (length < 0 || length > MAX_SCAN) return undefined;
  const bytes = length === 0 ? new Uint8Array(0) : view.readMemory(start, length);
  if (bytes === undefined) return undefined;
  const scan = new Scan(everyRegister);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 2 <= length;) {
    const low = data.getUint16(at, true);
    const size = (low & 3) === 3 ? 4 : 2;
    if (at + size > length) break;
    scan.arrive(at);
    if (size === 2) scan.compressed(low);
    else scan.full(data.getUint32(at, true));
    at += size;
    if (at >= length) scan.arrive(at);
  }
  const { sp, fp, saved, spKnown } = scan.state;
  return { spDistance: sp, fpDistance: fp, saved, spKnown, raLost: scan.raLost };
};

const copyOf = (state: State): State => ({ ...state, saved: new Map(state.saved) });

class Scan {
  state: State = { sp: 0n, fp: undefined, saved: new Map(), spKnown: true };
  raLost = false;
  /** The frame as it was before an epilogue began to take it down. */
  private beforeEpilogue: State | undefined;
  /** Constants in registers, for frames too large for one addi. */
  private readonly constants = new Map<number, bigint>();
  /** The frame at places that branches lead to, by offset from the start. */
  private readonly targets = new Map<number, State>();
  private at = 0;
  /** The instruction before was an unconditional jump. */
  private cut = false;

  constructor(private readonly everyRegister: boolean) {}

  /** To be called before each instruction, and at the end of the code. */
  arrive(at: number): void {
    this.at = at;
    if (!this.cut) return;
    this.cut = false;
    this.state = this.targets.get(at) ?? this.beforeEpilogue ?? this.state;
    this.beforeEpilogue = undefined;
  }

  full(word: number): void {
    const opcode = word & 0x7f;
    const rd = (word >>> 7) & 31;
    const funct3 = (word >>> 12) & 7;
    const rs1 = (word >>> 15) & 31;
    const rs2 = (word >>> 20) & 31;
    const immediate = BigInt(word >> 20);
    if (opcode === 0x13 && funct3 === 0) this.addImmediate(rd, rs1, immediate);
    else if (opcode === 0x1b && funct3 === 0) this.addImmediate(rd, rs1, immediate);
    else if (opcode === 0x37) this.constants.set(rd, BigInt(word & ~0xfff));
    else if (opcode === 0x33 && funct3 === 0) this.addRegisters(rd, rs1, rs2, word >>> 25);
    else if (opcode === 0x23 && funct3 === 3 && rs1 === SP) this.store(rs2, BigInt(((word >> 25) << 5) | rd));
    else if (opcode === 0x63) this.branch(branchOffset(word));
    else if (opcode === 0x6f) this.jumped(rd, jumpOffset(word));
    else if (opcode === 0x67) this.jumped(rd);
    else if (opcode === 0x73 && (word === 0x30200073 || word === 0x10200073)) this.jumped(0);
    else if (opcode !== 0x23 && opcode !== 0x27) this.clobber(rd);
  }

  compressed(half: number): void {
    const quadrant = half & 3;
    const funct3 = half >> 13;
    const rd = (half >> 7) & 31;
    const low5 = (half >> 2) & 31;
    const immediate6 = BigInt(low5 - ((half >> 12) & 1) * 32);
    if (quadrant === 0) {
      // c.addi4spn
      if (funct3 === 0 && half !== 0) this.addImmediate(8 + (low5 & 7), SP, addi4spn(half));
      else if (funct3 < 4) this.clobber(8 + (low5 & 7));
    } else if (quadrant === 1) {
      if (funct3 === 0) this.addImmediate(rd, rd, immediate6);
      else if (funct3 === 1) this.addImmediate(rd, rd, immediate6);
      else if (funct3 === 2) this.addImmediate(rd, 0, immediate6);
      else if (funct3 === 3 && rd === SP) this.addImmediate(SP, SP, addi16sp(half));
      else if (funct3 === 3) this.constants.set(rd, immediate6 << 12n);
      else if (funct3 === 5) this.jumped(0, compressedJumpOffset(half));
      else if (funct3 > 5) this.branch(compressedBranchOffset(half));
      else if (funct3 === 4) this.clobber(8 + ((half >> 7) & 7));
    } else if (funct3 === 4) this.compressedMove(half, rd, low5);
    else if (funct3 === 7) this.store(low5, BigInt(((half >> 10) & 7) * 8 + ((half >> 7) & 7) * 64));
    else if (funct3 < 4) this.clobber(rd);
  }

  /** c.jr, c.mv, c.jalr, c.add, c.ebreak. */
  private compressedMove(half: number, rd: number, rs2: number): void {
    const bit12 = (half >> 12) & 1;
    if (rs2 === 0) this.jumped(bit12);
    else if (bit12 === 1) this.addRegisters(rd, rd, rs2, 0);
    else if (rd === SP || rd === FP) this.addImmediate(rd, rs2, 0n);
    else this.clobber(rd);
  }

  private addImmediate(rd: number, rs1: number, immediate: bigint): void {
    if (rd === SP && rs1 === SP) this.moveSp(immediate);
    else if (rd === SP && rs1 === FP && this.state.fp !== undefined) this.spFromFp(this.state.fp, immediate);
    else if (rd === FP && rs1 === SP && this.state.spKnown) this.state.fp = this.state.sp - immediate;
    else if (rs1 === 0) this.setConstant(rd, immediate);
    else if (rd === rs1 && this.constants.has(rd))
      this.setConstant(rd, (this.constants.get(rd) ?? 0n) + immediate);
    else this.clobber(rd);
  }

  private addRegisters(rd: number, rs1: number, rs2: number, funct7: number): void {
    const constant = rs1 === SP ? this.constants.get(rs2) : undefined;
    if (rd !== SP) this.clobber(rd);
    else if (constant !== undefined && funct7 === 0) this.moveSp(constant);
    else if (constant !== undefined && funct7 === 0x20) this.moveSp(-constant);
    else this.clobber(SP);
  }

  private setConstant(rd: number, value: bigint): void {
    this.clobber(rd);
    this.constants.set(rd, value);
  }

  /** sp += delta. */
  private moveSp(delta: bigint): void {
    const { state } = this;
    if (delta > 0n) this.beforeEpilogue ??= copyOf(state);
    state.sp -= delta;
    // Slots below sp are given up: the epilogue has loaded the registers by now.
    for (const [register, place] of state.saved) {
      if (delta > 0n && place < -state.sp) state.saved.delete(register);
    }
  }

  /** sp = s0 + immediate: the epilogue of a frame that grew (alloca, arrays of variable length). */
  private spFromFp(fp: bigint, immediate: bigint): void {
    this.beforeEpilogue ??= copyOf(this.state);
    this.state.sp = fp - immediate;
    this.state.spKnown = true;
  }

  private store(register: number, offset: bigint): void {
    const { state } = this;
    const counts =
      this.everyRegister ||
      register === RA ||
      register === FP ||
      register === 9 ||
      (register >= 18 && register <= 27);
    if (counts && state.spKnown && !state.saved.has(register)) state.saved.set(register, offset - state.sp);
  }

  /** A jump that links to register `link` (0: none, so the code behind it is reached from elsewhere). */
  private jumped(link: number, offset?: number): void {
    this.constants.clear();
    if (link === RA && !this.state.saved.has(RA)) this.raLost = true;
    if (link !== 0) return;
    this.cut = true;
    if (offset !== undefined) this.branch(offset);
  }

  private branch(offset: number): void {
    const target = this.at + offset;
    if (offset > 0 && !this.targets.has(target)) this.targets.set(target, copyOf(this.state));
  }

  private clobber(register: number): void {
    this.constants.delete(register);
    if (register === SP) this.state.spKnown = false;
    // The load of the caller's s0 in an epilogue: from there on only sp counts.
    if (register === FP && this.state.fp !== undefined) {
      this.beforeEpilogue ??= copyOf(this.state);
      this.state.fp = undefined;
    }
  }
}

/** True if the instruction before the address is a call that links there: the mark of a return address. */
export const followsCall = (view: MachineView, address: bigint): boolean => {
  if ((address & 1n) !== 0n || address < 4n) return false;
  const bytes = view.readMemory(address - 4n, 4);
  if (bytes === undefined) return false;
  const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const half = word >>> 16;
  // c.jalr: quadrant 2, funct4 1001, rs2 = 0, rs1 not 0.
  if ((half & 0xf07f) === 0x9002 && (half & 0x0f80) !== 0) return true;
  const rd = (word >>> 7) & 31;
  const opcode = word & 0x7f;
  const isCall = opcode === 0x6f || (opcode === 0x67 && ((word >>> 12) & 7) === 0);
  return isCall && (rd === RA || rd === 5);
};
