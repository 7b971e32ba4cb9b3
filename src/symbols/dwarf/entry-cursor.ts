/**
 * The entries of a unit, one after another, as far as a scan over names needs them: flags, where the name is, and where the
 * next sibling begins. Bytes are looked at where they are, in a window of the file; nothing is made for an entry.
 */
import type { ByteSource } from '../bytes';
import { FORM } from './constants';
import { scanPlan, skipOf, STEP, type ScanPlan } from './scan-plan';
import type { Unit } from './unit';

/** Bytes read at once, and bytes that an entry's own attributes take at most (but for blocks, which are skipped). */
const WINDOW = 2 ** 18;
export const MARGIN = 2 ** 14;
const MAX_ENTRY = 2 ** 26;
/** Codes of abbreviations are numbered from 1; larger ones are looked up each time. */
const MAX_PLANS = 2 ** 16;
/** Where the text of a name is. */
export const TEXT = { none: 0, inline: 1, str: 2, lineStr: 3, supplement: 4 } as const;

export class EntryCursor {
  private readonly source: ByteSource;
  protected readonly plans: (ScanPlan | undefined)[] = [];
  protected bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the window in the section, and where in it the cursor is. */
  protected base: number;
  protected at = 0;
  /** Of the entry at hand. */
  protected flags = 0;
  protected text: number = TEXT.none;
  protected textAt = 0;
  protected sibling = 0;
  protected specification = 0;

  constructor(readonly unit: Unit) {
    const { header, sections } = unit;
    this.source = sections.source(header.section);
    this.base = header.dieOffset;
  }

  /** 0 to 1. */
  get done(): number {
    const { dieOffset, end } = this.unit.header;
    return (this.base + this.at - dieOffset) / Math.max(1, end - dieOffset);
  }

  protected textOf(): string {
    const { sections, set } = this.unit;
    switch (this.text) {
      case TEXT.inline: {
        const at = this.textAt - this.base;
        const end = this.bytes.indexOf(0, at);
        return decoder.decode(this.bytes.subarray(at, end < 0 ? this.bytes.length : end));
      }
      case TEXT.str:
        return sections.text('str', this.textAt);
      case TEXT.lineStr:
        return sections.text('line_str', this.textAt);
      case TEXT.supplement:
        return set.supplement?.sections.text('str', this.textAt) ?? '';
      default:
        return '';
    }
  }

  protected plan(code: number): ScanPlan {
    const abbreviation = this.unit.abbreviation(code);
    if (abbreviation === undefined) return this.fail('has an entry of an unknown abbreviation');
    const plan = scanPlan(abbreviation, this.unit.header);
    if (code < MAX_PLANS) this.plans[code] = plan;
    return plan;
  }

  /** Leaves the scan behind the entry. */
  protected read(plan: ScanPlan, steps: Int32Array): void {
    const { end } = this.unit.header;
    const start = this.base + this.at;
    this.follow(plan, steps);
    // Beyond the window zeros are read: once more, with all of the entry in it.
    for (
      let size = 4 * WINDOW;
      this.at > this.bytes.length && this.base + this.bytes.length < end;
      size *= 4
    ) {
      if (size > MAX_ENTRY) this.fail('has an entry that is too large');
      this.look(start, size);
      this.follow(plan, steps);
    }
    if (this.base + this.at > end) this.fail('ends in the middle of an entry');
  }

  protected follow(plan: ScanPlan, steps: Int32Array): void {
    this.flags = plan.flags;
    this.text = TEXT.none;
    this.sibling = 0;
    for (let i = 0; i < steps.length; i += 2) {
      const number = steps[i + 1] ?? 0;
      switch (steps[i]) {
        case STEP.skip:
          if (number < 0) this.fail('has an attribute of an unknown form');
          this.at += number;
          break;
        case STEP.name:
          this.readName(number);
          break;
        case STEP.sibling:
          this.sibling = this.readReference(number);
          break;
        case STEP.specification:
          this.specification = this.readReference(number);
          break;
        case STEP.flag:
          if (this.bytes[this.at++] !== 0) this.flags |= number;
          break;
        default:
          this.skip(steps[i] ?? 0, number);
      }
    }
  }

  protected skip(step: number, number: number): void {
    switch (step) {
      case STEP.leb:
        while ((this.bytes[this.at++] ?? 0) >= 0x80);
        return;
      case STEP.text:
        while ((this.bytes[this.at++] ?? 0) !== 0);
        return;
      case STEP.block: {
        const length = number === 0 ? this.leb() : this.fixed(number);
        this.at += length;
        return;
      }
      case STEP.indirect: {
        const [how, size] = skipOf(this.leb(), this.unit.header);
        if (how === STEP.skip && size < 0) this.fail('has an attribute of an unknown form');
        if (how === STEP.skip) this.at += size;
        else this.skip(how, size);
        return;
      }
    }
  }

  protected readName(form: number): void {
    const { header } = this.unit;
    switch (form) {
      case FORM.string:
        this.text = TEXT.inline;
        this.textAt = this.base + this.at;
        this.skip(STEP.text, 0);
        return;
      case FORM.strp:
      case FORM.lineStrp:
      case FORM.strpSup:
      case FORM.gnuStrpAlt:
        this.text = form === FORM.strp ? TEXT.str : form === FORM.lineStrp ? TEXT.lineStr : TEXT.supplement;
        this.textAt = this.fixed(header.offsetSize);
        return;
      default: {
        const size = INDEX_SIZES[form];
        if (size === undefined) {
          const [step, number] = skipOf(form, header);
          if (step === STEP.skip) this.at += Math.max(0, number);
          else this.skip(step, number);
          return;
        }
        this.text = TEXT.str;
        this.textAt = this.unit.textOffset(size === 0 ? this.leb() : this.fixed(size));
      }
    }
  }

  /** Offset in the section that the unit lies in; 0 for what refers elsewhere. */
  protected readReference(form: number): number {
    const { header } = this.unit;
    const size = REFERENCE_SIZES[form];
    if (size !== undefined) return header.offset + (size === 0 ? this.leb() : this.fixed(size));
    const [step, number] = skipOf(form, header);
    if (step === STEP.skip) {
      if (number < 0) this.fail('has an attribute of an unknown form');
      if (form === FORM.refAddr && header.section === 'info') return this.fixed(number);
      this.at += number;
    } else this.skip(step, number);
    return 0;
  }

  protected fixed(size: number): number {
    const { bytes } = this;
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[this.at + i] ?? 0);
    this.at += size;
    return value;
  }

  protected leb(): number {
    const first = this.bytes[this.at++] ?? 0;
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let scale = 128; scale < 2 ** 56; scale *= 128) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return this.fail('has a number that is too large');
  }

  protected refill(): void {
    const { end } = this.unit.header;
    // The window ends with the unit: what reads beyond is found out behind the entry.
    if (this.base + this.bytes.length >= end && this.at <= this.bytes.length) return;
    this.look(this.base + this.at, WINDOW);
  }

  protected look(position: number, size: number): void {
    this.bytes = this.source.read(position, Math.min(size, this.unit.header.end - position));
    this.base = position;
    this.at = 0;
    if (this.bytes.length === 0) this.fail('cannot be read');
  }

  protected fail(what: string): never {
    const reader = this.unit.entryReader();
    reader.offset = Math.min(this.base + this.at, reader.end);
    return reader.fail(what);
  }
}

const decoder = new TextDecoder();

const INDEX_SIZES: Readonly<Record<number, number | undefined>> = {
  ...{
    [FORM.strx]: 0,
    [FORM.gnuStrIndex]: 0,
    [FORM.strx1]: 1,
    [FORM.strx2]: 2,
    [FORM.strx3]: 3,
    [FORM.strx4]: 4,
  },
};
const REFERENCE_SIZES: Readonly<Record<number, number | undefined>> = {
  ...{ [FORM.refUdata]: 0, [FORM.ref1]: 1, [FORM.ref2]: 2, [FORM.ref4]: 4, [FORM.ref8]: 8 },
};
