/** What a hart's page table maps, all of it (privileged specification, 12.3 to 12.5: Sv39, Sv48, Sv57). Only looks. */
import { physAddr } from '../base/brand';
import type { Debuggee, HartView } from '../timetravel/api';

export interface Mapping {
  readonly address: bigint;
  readonly physical: bigint;
  readonly sizeBytes: bigint;
  /** `rwxugad`, `-` for those that are not set. */
  readonly flags: string;
}

const SATP = 0x180;
const PAGE = 4096n;
const ENTRIES = 512;
/** A damaged table may point to itself: leaves and tables looked at. */
const MAPPINGS_MAX = 100_000;
const TABLES_MAX = 20_000;

/** By address. Undefined: addresses are not translated. */
export function mappings(debuggee: Debuggee, view: HartView): Mapping[] | undefined {
  const satp = view.csr(SATP) ?? 0n;
  const mode = Number(satp >> 60n);
  if (mode < 8 || mode > 10) return undefined;
  const found: Mapping[] = [];
  const levels = mode - 5;
  const state = { tables: 0 };
  const walk = (table: bigint, level: number, base: bigint): void => {
    if (++state.tables > TABLES_MAX) return;
    const bytes = debuggee.readPhysical(physAddr(table), ENTRIES * 8);
    if (bytes?.length !== ENTRIES * 8) return;
    const entries = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sizeBytes = PAGE << BigInt(9 * level);
    for (let index = 0; index < ENTRIES && found.length < MAPPINGS_MAX; index++) {
      const entry = entries.getBigUint64(8 * index, true);
      if ((entry & 1n) === 0n) continue;
      const address = base + BigInt(index) * sizeBytes;
      const physical = ((entry >> 10n) & ((1n << 44n) - 1n)) * PAGE;
      if ((entry & 0xen) !== 0n)
        found.push({ address: extended(address, levels), physical, sizeBytes, flags: flagsOf(entry) });
      else if (level > 0) walk(physical, level - 1, address);
    }
  };
  walk((satp & ((1n << 44n) - 1n)) * PAGE, levels - 1, 0n);
  return found;
}

/** Neighbours with the same flags as one. */
export function ranges(all: readonly Mapping[]): Mapping[] {
  const found: Mapping[] = [];
  for (const one of all) {
    const last = found.at(-1);
    const goesOn =
      last?.flags === one.flags &&
      last.address + last.sizeBytes === one.address &&
      last.physical + last.sizeBytes === one.physical;
    if (goesOn) found[found.length - 1] = { ...last, sizeBytes: last.sizeBytes + one.sizeBytes };
    else found.push(one);
  }
  return found;
}

/** The bits above the highest translated one are copies of it. */
const extended = (address: bigint, levels: number): bigint =>
  BigInt.asUintN(64, BigInt.asIntN(12 + 9 * levels, address));

const flagsOf = (entry: bigint): string =>
  Array.from('rwxugad', (letter, index) => ((entry >> BigInt(index + 1)) & 1n ? letter : '-')).join('');
