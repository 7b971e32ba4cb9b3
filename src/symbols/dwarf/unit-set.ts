/**
 * The units of one set of debug sections: of a linked file, of a supplementary file, of a .dwo file, or of one unit's part of
 * a .dwp package. Headers alone are read, on first use. References stay within a set, but for those to its supplement.
 */
import type { LazyAbbreviations } from './abbrev';
import { ContainerCache } from './qualified-names';
import type { DwarfSections } from './sections';
import { Unit } from './unit';
import { readUnitHeader } from './unit-header';

export interface UnitSetOptions {
  /** Tells the sets of one SymbolFile apart. */
  readonly name: string;
  readonly sections: DwarfSections;
  /** Told of what is damaged. */
  readonly warn: (error: unknown) => void;
  /** The file that DW_FORM_GNU_ref_alt, DW_FORM_ref_sup4 and the like refer to. */
  readonly supplement?: () => UnitSet | undefined;
  /** Of split units: the unit of the linked file that stands for them there. */
  readonly skeleton?: Unit;
  /** Type units that lie elsewhere: in a package. */
  readonly foreignType?: (signature: bigint) => Unit | undefined;
}

export class UnitSet {
  readonly name: string;
  readonly sections: DwarfSections;
  readonly skeleton: Unit | undefined;
  /** Abbreviation tables by offset, shared by units. */
  readonly abbreviations = new Map<number, LazyAbbreviations>();
  readonly containers = new ContainerCache();
  private info: readonly Unit[] | undefined;
  private typeUnits: ReadonlyMap<bigint, Unit> | undefined;

  constructor(private readonly options: UnitSetOptions) {
    this.name = options.name;
    this.sections = options.sections;
    this.skeleton = options.skeleton;
  }

  get supplement(): UnitSet | undefined {
    return this.options.supplement?.();
  }

  /** All units of .debug_info, by offset. */
  units(): readonly Unit[] {
    return (this.info ??= this.read('info'));
  }

  /** The unit that holds an offset of .debug_info. */
  unitAt(offset: number): Unit | undefined {
    const units = this.units();
    let low = 0;
    let high = units.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((units[middle]?.header.offset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = units[low - 1];
    return unit !== undefined && offset < unit.header.end ? unit : undefined;
  }

  /** Those of packages are found by their signature only. */
  allTypeUnits(): Iterable<Unit> {
    this.typeUnits ??= this.readTypeUnits();
    return this.typeUnits.values();
  }

  typeUnit(signature: bigint): Unit | undefined {
    this.typeUnits ??= this.readTypeUnits();
    return this.typeUnits.get(signature) ?? this.options.foreignType?.(signature);
  }

  /** A damaged header ends the list. */
  private read(section: 'info' | 'types'): Unit[] {
    const units: Unit[] = [];
    try {
      const reader = this.sections.reader(section);
      while (!reader.done) {
        const header = readUnitHeader(reader, section);
        if (header !== undefined) units.push(new Unit(this, header));
      }
    } catch (error) {
      this.options.warn(error);
    }
    return units;
  }

  private readTypeUnits(): ReadonlyMap<bigint, Unit> {
    const found = new Map<bigint, Unit>();
    for (const unit of [...this.units(), ...this.read('types')]) {
      const { type } = unit.header;
      if (type !== undefined && !found.has(type.signature)) found.set(type.signature, unit);
    }
    return found;
  }
}
