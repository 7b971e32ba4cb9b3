/**
 * Reading of many entries of which few attributes matter: what lies between those is skipped in one step. An abbreviation
 * is looked at once for a unit, not once for an entry, which makes a scan of a whole file several times faster.
 */
import type { ByteReader } from '../bytes';
import type { Abbreviation, AttributeSpec } from './abbrev';
import { fixedSizeOf, readForm, skipForm, type AttributeValue } from './forms';
import type { Entry, Unit } from './unit';

/** Bytes to skip, then an attribute: to be read if it is wanted, else skipped by its form. */
interface Step {
  readonly skip: number;
  readonly spec: AttributeSpec | undefined;
  readonly wanted: boolean;
}

interface Plan {
  readonly abbreviation: Abbreviation;
  readonly steps: readonly Step[];
}

const NOTHING: ReadonlyMap<number, AttributeValue> = new Map();

export class Skimmer {
  private readonly plans = new Map<number, Plan>();

  constructor(
    private readonly unit: Unit,
    /** By the tag of an entry. */
    private readonly wantedOf: (tag: number) => ReadonlySet<number>,
  ) {}

  /** The entry at the reader, which moves behind it; undefined for the mark that ends a list of children. */
  next(reader: ByteReader): Entry | undefined {
    const { offset } = reader;
    const code = reader.uleb();
    if (code === 0) return undefined;
    const { abbreviation, steps } = this.plans.get(code) ?? this.plan(code, reader);
    let attributes: Map<number, AttributeValue> | undefined;
    for (const { skip, spec, wanted } of steps) {
      if (skip > 0) reader.skip(skip);
      if (spec === undefined) continue;
      if (wanted) (attributes ??= new Map()).set(spec.name, readForm(reader, spec, this.unit.header));
      else skipForm(reader, spec, this.unit.header);
    }
    return { offset, abbreviation, attributes: attributes ?? NOTHING };
  }

  private plan(code: number, reader: ByteReader): Plan {
    const abbreviation = this.unit.abbreviation(code);
    if (abbreviation === undefined) return reader.fail('has an entry of an unknown abbreviation');
    const steps: Step[] = [];
    const wantedHere = this.wantedOf(abbreviation.tag);
    let skip = 0;
    for (const spec of abbreviation.attributes) {
      const wanted = wantedHere.has(spec.name);
      const size = wanted ? undefined : fixedSizeOf(spec.form, this.unit.header);
      if (size === undefined) {
        steps.push({ skip, spec, wanted });
        skip = 0;
      } else skip += size;
    }
    if (skip > 0) steps.push({ skip, spec: undefined, wanted: false });
    const plan = { abbreviation, steps };
    this.plans.set(code, plan);
    return plan;
  }
}
