/**
 * Split units (DWARF 5, 3.1.2 and 7.3.2; GNU's extension of DWARF 4): the entries of a unit of the linked file, which lie in
 * a .dwo file or in the .dwp package beside the program. What is missing is told once: lines and unwinding work without.
 */
import { userError } from '../../base/errors';
import { bytesSource, partOf, type ByteSource } from '../bytes';
import type { Companions } from '../companions';
import type { ElfFile } from '../elf/elf-file';
import { PackageIndex, type Contributions } from './package';
import { sectionsFrom, type DwarfSections } from './sections';
import type { Unit } from './unit';
import { UnitSet } from './unit-set';

interface Package {
  readonly elf: ElfFile;
  readonly units: PackageIndex | undefined;
  readonly types: PackageIndex | undefined;
}

export interface SplitOptions {
  readonly companions: Companions;
  readonly warn: (error: unknown) => void;
}

export class SplitUnits {
  private package: Package | undefined | null;
  private toldMissing = false;

  constructor(private readonly options: SplitOptions) {}

  /** The unit that a skeleton stands for; undefined for what is no skeleton, and for what is missing. */
  of(skeleton: Unit): Unit | undefined {
    const { dwoName, dwoId } = skeleton;
    if (dwoName === undefined) return undefined;
    const found = this.inPackage(skeleton, dwoId) ?? this.inFile(skeleton, dwoName, dwoId);
    if (found === undefined) this.tellMissing(dwoName);
    return found;
  }

  private inPackage(skeleton: Unit, id: bigint | undefined): Unit | undefined {
    this.package ??= this.openPackage() ?? null;
    const parts = id === undefined ? undefined : this.package?.units?.find(id);
    if (this.package === null || parts === undefined) return undefined;
    const set = this.packedSet(this.package, parts, `dwp:${String(id)}:`, skeleton);
    return set.units()[0];
  }

  private openPackage(): Package | undefined {
    const elf = this.options.companions.package();
    return elf && { elf, units: PackageIndex.open(elf, 'cu'), types: PackageIndex.open(elf, 'tu') };
  }

  private packedSet(of: Package, parts: Contributions, name: string, skeleton: Unit | undefined): UnitSet {
    const { warn } = this.options;
    const types = new Map<bigint, Unit | undefined>();
    const foreignType = (signature: bigint): Unit | undefined => {
      if (!types.has(signature)) types.set(signature, this.packedType(of, signature));
      return types.get(signature);
    };
    const sections = splitSections(of.elf, warn, skeleton, parts);
    return new UnitSet({ name, sections, warn, foreignType, ...(skeleton ? { skeleton } : {}) });
  }

  private packedType(of: Package, signature: bigint): Unit | undefined {
    const parts = of.types?.find(signature);
    return (
      parts && this.packedSet(of, parts, `dwp:type:${String(signature)}:`, undefined).typeUnit(signature)
    );
  }

  private inFile(skeleton: Unit, name: string, id: bigint | undefined): Unit | undefined {
    const { companions, warn } = this.options;
    const elf = companions.split(skeleton.compDir, name);
    if (elf === undefined) return undefined;
    const sections = splitSections(elf, warn, skeleton, undefined);
    const set = new UnitSet({ name: `${name}:`, sections, warn, skeleton });
    const units = set.units().filter((unit) => unit.header.type === undefined);
    const found = units.find((unit) => unit.dwoId === id);
    if (found === undefined && units.length > 0)
      throw userError('DWARF_STALE_SPLIT', `${name} is not of this build of the program: build it again`);
    return found;
  }

  private tellMissing(name: string): void {
    if (this.toldMissing) return;
    this.toldMissing = true;
    this.options.warn(
      userError(
        'DWARF_MISSING_SPLIT',
        `${name} is not found, where functions and variables are described (-gsplit-dwarf): keep the .dwo files or make a .dwp package beside the program`,
      ),
    );
  }
}

/** Sections of a .dwo file or of a part of a package; addresses stay in the linked file, and so do DWARF 4's ranges. */
const splitSections = (
  elf: ElfFile,
  warn: (error: unknown) => void,
  skeleton: Unit | undefined,
  parts: Contributions | undefined,
): DwarfSections =>
  sectionsFrom((name) => {
    if (name === 'addr' || name === 'ranges') return skeleton?.sections.source(name);
    const source = sectionsNamed(elf, `.debug_${name}.dwo`);
    const part = parts?.get(name);
    // Strings are shared by all units of a package.
    if (source === undefined || parts === undefined || name === 'str' || name === 'line_str') return source;
    if (part === undefined) return undefined;
    if (part.offset + part.size <= source.size) return partOf(source, part.offset, part.size);
    throw userError('DWARF_BAD_SECTION', `the index of a package reaches beyond .debug_${name}.dwo`);
  }, warn);

/** Type units come in a section each, all of one name (DWARF 5, appendix E.2): they are read as one. */
const sectionsNamed = (elf: ElfFile, name: string): ByteSource | undefined => {
  const first = elf.sectionNamed(name);
  const sections = elf.sections.filter((section) => section.name === name);
  const total = sections.reduce((sum, { size }) => sum + size, 0);
  // Sections of a damaged file may lie over each other.
  if (first === undefined || sections.length < 2 || total > elf.sizeBytes)
    return first && elf.sectionSource(first);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const section of sections) {
    const data = elf.sectionData(section);
    // An inflated one is longer.
    if (at + data.length > total) return elf.sectionSource(first);
    bytes.set(data, at);
    at += data.length;
  }
  return bytesSource(bytes);
};
