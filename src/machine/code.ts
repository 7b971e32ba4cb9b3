/**
 * Decoding into the engine's records, and breakpoints as marks in them. Breakpoints are virtual addresses, records
 * belong to physical frames: when a page is first fetched through a virtual page that has breakpoints, its slot gets
 * the marks; a mark that is hit through another mapping is passed over by the machine, which compares the address.
 */
import { decode, instructionLength } from '../isa/decoder';
import { Op, writeRecord } from './engine/records';
import { G, PAGE, RECORD, SLOT_BYTES, SLOT_COUNT, SLOT_FRAME, SLOTS_BASE } from './layout';
import type { LinearMemory } from './memory';

const slotNumber = (slotBase: number): number => (slotBase - SLOTS_BASE) / SLOT_BYTES;

export class CodeCache {
  /** Offsets in the page of the marks that a slot bears. */
  private readonly marks = new Map<number, Set<number>>();
  /** Offsets in the page, by virtual page number. */
  private breakpoints = new Map<bigint, number[]>();
  private asideRecord = SLOTS_BASE;

  constructor(private readonly linear: LinearMemory) {
    // The records behind the last one of a page, and all of the aside slot, look their address up again.
    const { dv } = linear;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const tail = SLOTS_BASE + slot * SLOT_BYTES + 2048 * RECORD;
      for (let index = 0; index < 4; index++) dv.setUint16(tail + index * RECORD, Op.refetch, true);
    }
    for (let record = 0; record < 2048; record++)
      dv.setUint16(SLOTS_BASE + record * RECORD, Op.refetch, true);
  }

  /** Import `decode`: makes the record at `record` of a slot. */
  decode(record: number, slotBase: number): void {
    const offset = (record - slotBase) >>> 2;
    const slot = slotNumber(slotBase);
    if (this.marks.get(slot)?.has(offset)) {
      this.linear.dv.setUint16(record, Op.breakpoint, true);
      return;
    }
    this.decodeInto(record, slot, offset);
  }

  private decodeInto(record: number, slot: number, offset: number): void {
    const { dv } = this.linear;
    const host = this.linear.get32(SLOT_FRAME + 4 * slot) * PAGE + offset;
    const low = dv.getUint16(host, true);
    if (instructionLength(low) === 2) this.writeDecoded(record, low);
    else if (offset === PAGE - 2) dv.setUint16(record, Op.crossing, true);
    else this.writeDecoded(record, dv.getUint32(host, true));
  }

  private writeDecoded(record: number, insn: number): void {
    const decoded = decode(insn);
    const { dv } = this.linear;
    if (decoded) {
      writeRecord(dv, record, decoded.row.semantics, decoded.row.length, decoded.operands);
      return;
    }
    dv.setUint16(record, Op.illegal, true);
    dv.setUint32(record + 4, insn >>> 0, true);
  }

  /** The record with the same offset in the aside slot, emptied of the one made before. */
  private aside(record: number, slotBase: number): number {
    this.linear.dv.setUint16(this.asideRecord, Op.refetch, true);
    this.asideRecord = SLOTS_BASE + (record - slotBase);
    return this.asideRecord;
  }

  /** Import `decodeAside`: the instruction under a breakpoint. */
  decodeAside(record: number, slotBase: number): number {
    const aside = this.aside(record, slotBase);
    this.decodeInto(aside, slotNumber(slotBase), (record - slotBase) >>> 2);
    // A crossing instruction under a breakpoint: the crossing op needs the real slot's first half.
    if (this.linear.dv.getUint16(aside, true) === Op.crossing) {
      this.linear.set32(SLOT_FRAME, this.linear.get32(SLOT_FRAME + 4 * slotNumber(slotBase)));
    }
    return aside;
  }

  /** Import `decodeCrossing`: first half from the slot's frame, second at a host address. */
  decodeCrossing(record: number, slotBase: number, secondHalf: number): number {
    const { dv } = this.linear;
    const frame = this.linear.get32(SLOT_FRAME + 4 * slotNumber(slotBase));
    const low = dv.getUint16(frame * PAGE + ((record - slotBase) >>> 2), true);
    const insn = low | (dv.getUint16(secondHalf, true) << 16);
    const aside = this.aside(record, slotBase);
    this.writeDecoded(aside, insn);
    return aside;
  }

  /** Import `slotEvicted`, and for frames that are freed. */
  forgetSlot(slot: number): void {
    this.marks.delete(slot);
  }

  // --- breakpoints

  /** Replaces all breakpoints. Returns whether translations for fetching must be flushed. */
  setBreakpoints(addresses: Iterable<bigint>): boolean {
    const next = new Map<bigint, number[]>();
    for (const address of addresses) {
      const page = address >> 12n;
      const offsets = next.get(page) ?? [];
      next.set(page, offsets);
      offsets.push(Number(address & 0xfffn));
    }
    const changed = this.marks.size > 0 || next.size > 0;
    for (const [slot, offsets] of this.marks) {
      for (const offset of offsets) this.linear.dv.setUint16(recordAt(slot, offset), Op.undecoded, true);
    }
    this.marks.clear();
    this.breakpoints = next;
    this.linear.set32(G.breakpoints, next.size > 0 ? 1 : 0);
    return changed;
  }

  /** Import `markBreakpoints`: a page is fetched through a virtual page for the first time since a flush. */
  markBreakpoints(slotBase: number, pageVa: bigint): void {
    const offsets = this.breakpoints.get(BigInt.asUintN(64, pageVa) >> 12n);
    if (!offsets) return;
    const slot = slotNumber(slotBase);
    const marks = this.marks.get(slot) ?? new Set();
    this.marks.set(slot, marks);
    for (const offset of offsets) {
      marks.add(offset);
      this.linear.dv.setUint16(recordAt(slot, offset), Op.breakpoint, true);
    }
  }

  hasBreakpoint(address: bigint): boolean {
    return this.breakpoints.get(address >> 12n)?.includes(Number(address & 0xfffn)) ?? false;
  }
}

const recordAt = (slot: number, offset: number): number =>
  SLOTS_BASE + slot * SLOT_BYTES + (offset >>> 1) * RECORD;
