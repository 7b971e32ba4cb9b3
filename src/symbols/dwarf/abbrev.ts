/** Abbreviation tables (DWARF 5, 7.5.3). */
import type { ByteReader } from '../bytes';

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

export type AbbreviationTable = ReadonlyMap<number, Abbreviation>;

const FORM_IMPLICIT_CONST = 0x21;

export const parseAbbreviations = (reader: ByteReader): AbbreviationTable => {
  const table = new Map<number, Abbreviation>();
  while (!reader.done) {
    const code = reader.uleb();
    if (code === 0) break;
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: AttributeSpec[] = [];
    for (;;) {
      const name = reader.uleb();
      const form = reader.uleb();
      const implicitConst = form === FORM_IMPLICIT_CONST ? reader.sleb64() : 0n;
      if (name === 0 && form === 0) break;
      attributes.push({ name, form, implicitConst });
    }
    table.set(code, { tag, hasChildren, attributes });
  }
  return table;
};
