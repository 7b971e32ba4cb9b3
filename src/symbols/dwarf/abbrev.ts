/** Abbreviation tables (DWARF 5, 7.5.3), read as far as they are needed: of most units only the root entry is. */
import type { ByteReader } from '../bytes';
import { FORM } from './constants';

export interface AttributeSpec {
  readonly name: number;
  readonly form: number;
  readonly implicitConst: bigint;
}

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeSpec[];
}

export class LazyAbbreviations {
  private readonly known = new Map<number, Abbreviation>();
  private done = false;

  constructor(private readonly reader: ByteReader) {}

  /** Of codes that stand twice in a damaged table the first counts. Throws DWARF_BAD_SECTION. */
  get(code: number): Abbreviation | undefined {
    const known = this.known.get(code);
    if (known !== undefined || this.done) return known;
    for (;;) {
      const read = this.next();
      if (read === undefined || read === code) return this.known.get(code);
    }
  }

  /** The code that was read; undefined at the end of the table. */
  private next(): number | undefined {
    const { reader } = this;
    const code = reader.done ? 0 : reader.uleb();
    if (code === 0) {
      this.done = true;
      return undefined;
    }
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: AttributeSpec[] = [];
    for (;;) {
      const name = reader.uleb();
      const form = reader.uleb();
      const implicitConst = form === FORM.implicitConst ? reader.sleb64() : 0n;
      if (name === 0 && form === 0) break;
      attributes.push({ name, form, implicitConst });
    }
    if (!this.known.has(code)) this.known.set(code, { tag, hasChildren, attributes });
    return code;
  }
}
