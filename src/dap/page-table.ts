/** A hart's memory through another page table than the one in use: that of a process whose kernel runs on its own. */
import { physAddr, type PhysAddr } from '../base/brand';
import type { Debuggee, HartView } from '../timetravel/api';

const PAGE = 4096n;

/**
 * `satp` is the value of the CSR, or the physical address of the root page table (of Sv39 then). Privileged specification,
 * 4.3 to 4.5; only looks, and checks no permission.
 */
export function viewThrough(debuggee: Debuggee, view: HartView, satp: bigint, pc: bigint): HartView {
  const mode = satp >> 60n;
  const levels = mode >= 8n && mode <= 10n ? Number(mode) - 5 : 3;
  const root = mode === 0n ? satp & -PAGE : (satp & ((1n << 44n) - 1n)) * PAGE;
  const translate = (address: bigint): PhysAddr | undefined => walk(debuggee, root, levels, address);
  return {
    id: view.id,
    pc,
    privilege: 0,
    waiting: view.waiting,
    x: (index) => view.x(index),
    f: (index) => view.f(index),
    csr: (number) => view.csr(number),
    translate,
    readMemory: (address, length) => readThrough(debuggee, translate, address, length),
  };
}

function walk(debuggee: Debuggee, root: bigint, levels: number, address: bigint): PhysAddr | undefined {
  let table = root;
  for (let level = levels - 1; level >= 0; level--) {
    const shift = BigInt(12 + 9 * level);
    const bytes = debuggee.readPhysical(physAddr(table + ((address >> shift) & 511n) * 8n), 8);
    if (bytes === undefined || bytes.length < 8) return undefined;
    const entry = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if ((entry & 1n) === 0n) return undefined;
    const frame = ((entry >> 10n) & ((1n << 44n) - 1n)) * PAGE;
    const mask = (1n << shift) - 1n;
    if ((entry & 0xen) !== 0n) return physAddr((frame & ~mask) | (address & mask));
    table = frame;
  }
  return undefined;
}

/** As many bytes as are mapped from the start. */
function readThrough(
  debuggee: Debuggee,
  translate: (address: bigint) => PhysAddr | undefined,
  address: bigint,
  length: number,
): Uint8Array | undefined {
  const found: number[] = [];
  for (let at = address; found.length < length;) {
    const part = Math.min(length - found.length, Number(PAGE - (at & (PAGE - 1n))));
    const physical = translate(BigInt.asUintN(64, at));
    const bytes = physical === undefined ? undefined : debuggee.readPhysical(physical, part);
    if (bytes === undefined) break;
    for (const byte of bytes) found.push(byte);
    at += BigInt(part);
  }
  return found.length === 0 ? undefined : new Uint8Array(found);
}
