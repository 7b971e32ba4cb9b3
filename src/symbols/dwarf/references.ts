/** Where references between entries lead: the one place that knows of units and files other than the entry's own. */
import type { AttributeValue } from './forms';
import type { Unit } from './unit';

/** An entry by its place: an offset in the section of its unit. Unique together with `unit` only: files have many sections. */
export interface EntryPlace {
  readonly unit: Unit;
  readonly offset: number;
}

/** The entry that an attribute of an entry of `unit` refers to; undefined if it refers to none that can be found. */
export const follow = (unit: Unit, reference: AttributeValue | undefined): EntryPlace | undefined => {
  switch (reference?.kind) {
    case 'reference': {
      const offset = reference.global ? reference.offset : unit.header.offset + reference.offset;
      return reference.global ? placeInInfo(unit, offset) : placeOf(unit, offset);
    }
    case 'signature': {
      const home = unit.set.typeUnit(reference.signature);
      return home?.header.type && { unit: home, offset: home.header.type.offset };
    }
    case 'supplementaryReference': {
      const home = unit.set.supplement?.unitAt(reference.offset);
      return home && { unit: home, offset: reference.offset };
    }
    default:
      return undefined;
  }
};

/** The entry at an offset of the section that `unit` lies in. */
export const placeOf = (unit: Unit, offset: number): EntryPlace | undefined => {
  const { header } = unit;
  if (offset >= header.offset && offset < header.end) return { unit, offset };
  return header.section === 'info' ? placeInInfo(unit, offset) : undefined;
};

/** Within .debug_info of the file that `unit` lies in, whatever section it lies in itself. */
const placeInInfo = (unit: Unit, offset: number): EntryPlace | undefined => {
  const home = unit.set.unitAt(offset);
  return home && { unit: home, offset };
};
