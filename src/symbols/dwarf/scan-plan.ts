/**
 * What a scan over entries does with the attributes of one abbreviation: few matter, and all between them is skipped in one
 * step. Worked out once for an abbreviation, so that no form is looked at again for each of millions of entries.
 */
import type { Abbreviation } from './abbrev';
import { AT, FORM } from './constants';
import { fixedSizeOf, type FormContext } from './forms';

/** Steps are pairs: one of these and a number. */
export const STEP = {
  /** So many bytes. */
  skip: 0,
  /** A LEB128. */
  leb: 1,
  /** A text up to its NUL. */
  text: 2,
  /** A block, with a length of so many bytes; 0: a LEB128. */
  block: 3,
  /** An attribute of the form: a name. */
  name: 4,
  /** A reference. */
  sibling: 5,
  specification: 6,
  /** One of FLAG, in a byte. */
  flag: 7,
  /** The form stands before the value. */
  indirect: 8,
} as const;

export const FLAG = {
  ...{ declaration: 1, external: 2, enumClass: 4, exportSymbols: 8, specification: 16, import: 32 },
} as const;

export interface ScanPlan {
  readonly tag: number;
  readonly hasChildren: boolean;
  /** Those that the abbreviation itself tells. */
  readonly flags: number;
  readonly steps: Int32Array;
  /** The same where nothing of the entry matters but where its children end. */
  readonly passing: Int32Array;
  /** Bytes of all attributes, where passing needs no look at them; else -1. */
  readonly size: number;
}

const FLAGS: Readonly<Record<number, number | undefined>> = {
  [AT.declaration]: FLAG.declaration,
  [AT.external]: FLAG.external,
  [AT.enumClass]: FLAG.enumClass,
  [AT.exportSymbols]: FLAG.exportSymbols,
};

export const scanPlan = (abbreviation: Abbreviation, context: FormContext): ScanPlan => {
  const { tag, hasChildren } = abbreviation;
  const { steps, flags } = stepsOf(abbreviation, context, true);
  const { steps: passing } = stepsOf(abbreviation, context, false);
  const isSkip = passing.length === 0 || (passing.length === 2 && passing[0] === STEP.skip);
  return {
    ...{ tag, hasChildren, flags },
    steps: Int32Array.from(steps),
    passing: Int32Array.from(passing),
    size: isSkip ? (passing[1] ?? 0) : -1,
  };
};

const stepsOf = (
  { attributes, hasChildren }: Abbreviation,
  context: FormContext,
  reads: boolean,
): { steps: number[]; flags: number } => {
  const steps: number[] = [];
  let flags = 0;
  for (const { name, form, implicitConst } of attributes) {
    const flag = FLAGS[name];
    if (name === AT.specification) flags |= FLAG.specification;
    if (name === AT.import) flags |= FLAG.import;
    const wanted = stepFor(name, form, reads, hasChildren);
    if (wanted !== undefined) steps.push(wanted, form);
    else if (flag !== undefined && form === FORM.flag && reads) steps.push(STEP.flag, flag);
    else if (flag !== undefined && (form === FORM.flagPresent || implicitConst !== 0n)) flags |= flag;
    else addSkip(steps, form, context);
  }
  return { steps, flags };
};

const stepFor = (name: number, form: number, reads: boolean, hasChildren: boolean): number | undefined => {
  if (form === FORM.indirect) return STEP.indirect;
  if (name === AT.sibling && hasChildren) return STEP.sibling;
  if (!reads) return undefined;
  if (name === AT.name) return STEP.name;
  return name === AT.specification ? STEP.specification : undefined;
};

const addSkip = (steps: number[], form: number, context: FormContext): void => {
  const [step, number] = skipOf(form, context);
  const last = steps.length - 2;
  if (step === STEP.skip && number === 0) return;
  const before = steps[last + 1] ?? -1;
  if (step === STEP.skip && number > 0 && steps[last] === STEP.skip && before > 0)
    steps[last + 1] = before + number;
  else steps.push(step, number);
};

/** How a value of a form is skipped. An unknown form gives a size below 0. */
export const skipOf = (form: number, context: FormContext): readonly [step: number, number: number] => {
  const size = fixedSizeOf(form, context);
  if (size !== undefined) return [STEP.skip, size];
  const other = OTHER_SKIPS[form];
  if (other !== undefined) return other;
  if (OFFSETS.has(form)) return [STEP.skip, context.offsetSize];
  // DWARF 2 gave DW_FORM_ref_addr the size of an address.
  if (form === FORM.refAddr)
    return [STEP.skip, context.version <= 2 ? context.addressSize : context.offsetSize];
  return [STEP.skip, -1];
};

const OFFSETS: ReadonlySet<number> = new Set([FORM.strpSup, FORM.gnuRefAlt, FORM.gnuStrpAlt]);

const OTHER_SKIPS: Readonly<Record<number, readonly [number, number] | undefined>> = {
  [FORM.data16]: [STEP.skip, 16],
  [FORM.refSig8]: [STEP.skip, 8],
  [FORM.refSup4]: [STEP.skip, 4],
  [FORM.refSup8]: [STEP.skip, 8],
  [FORM.strx1]: [STEP.skip, 1],
  [FORM.strx2]: [STEP.skip, 2],
  [FORM.strx3]: [STEP.skip, 3],
  [FORM.strx4]: [STEP.skip, 4],
  [FORM.addrx1]: [STEP.skip, 1],
  [FORM.addrx2]: [STEP.skip, 2],
  [FORM.addrx3]: [STEP.skip, 3],
  [FORM.addrx4]: [STEP.skip, 4],
  [FORM.sdata]: [STEP.leb, 0],
  [FORM.udata]: [STEP.leb, 0],
  [FORM.refUdata]: [STEP.leb, 0],
  [FORM.strx]: [STEP.leb, 0],
  [FORM.addrx]: [STEP.leb, 0],
  [FORM.rnglistx]: [STEP.leb, 0],
  [FORM.loclistx]: [STEP.leb, 0],
  [FORM.gnuAddrIndex]: [STEP.leb, 0],
  [FORM.gnuStrIndex]: [STEP.leb, 0],
  [FORM.string]: [STEP.text, 0],
  [FORM.block1]: [STEP.block, 1],
  [FORM.block2]: [STEP.block, 2],
  [FORM.block4]: [STEP.block, 4],
  [FORM.block]: [STEP.block, 0],
  [FORM.exprloc]: [STEP.block, 0],
};
