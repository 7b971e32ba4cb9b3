/**
 * .debug_aranges (DWARF 5, 6.1.2): which unit has the code at an address, without a look at any unit. Compilers may leave it
 * out, for some units or for all; for those the units' own ranges count.
 */
import { readOffset } from './forms';
import type { DwarfSections } from './sections';
import { readInitialLength } from './unit-header';

export interface AddressRangeOfUnit {
  readonly start: bigint;
  readonly end: bigint;
  /** Offset of the unit's header in .debug_info. */
  readonly unit: number;
}

/** Throws DWARF_BAD_SECTION when the section is damaged: then nothing in it is to be trusted. */
export const readAranges = (sections: DwarfSections): AddressRangeOfUnit[] => {
  const reader = sections.reader('aranges');
  const found: AddressRangeOfUnit[] = [];
  while (!reader.done) {
    const start = reader.offset;
    const { length, offsetSize } = readInitialLength(reader);
    const body = reader.take(length);
    if (body.u16() !== 2) continue;
    const unit = readOffset(body, offsetSize);
    const addressSize = body.u8();
    if (body.u8() !== 0 || (addressSize !== 8 && addressSize !== 4)) continue;
    // The first pair is aligned to its size, counted from the beginning of the set.
    body.skip((2 * addressSize - ((body.offset - start) % (2 * addressSize))) % (2 * addressSize));
    while (body.remaining >= 2 * addressSize) {
      const from = body.unsigned(addressSize);
      const size = body.unsigned(addressSize);
      // Not only at the end: linkers make such pairs of dropped functions too.
      if (size !== 0n) found.push({ start: from, end: BigInt.asUintN(64, from + size), unit });
    }
  }
  return found;
};
