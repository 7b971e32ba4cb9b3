/**
 * Reading saved sections back. A section may come from a file, so every field is checked: what does not fit is a
 * UserError ('SECTION_VERSION' for another version, 'SECTION_DATA' for damaged contents), never a broken device.
 */
import { userError } from '../../base/errors';
import type { Section, SectionData } from '../device';

/** Named fields of a saved section, checked as they are read. */
export class SectionReader {
  private constructor(
    private readonly path: string,
    private readonly fields: { readonly [key: string]: SectionData },
  ) {}

  /** Opens the section of the device `name`; its version must be the one that save() writes. */
  static open(section: Section, name: string, version: number): SectionReader {
    if (section.name !== name) throw damaged(section.name, `a section named "${name}" was expected`);
    if (section.version !== version) {
      throw userError(
        'SECTION_VERSION',
        `saved state of ${name} has version ${section.version}, this release reads version ${version}; ` +
          'open it with the release that wrote it',
      );
    }
    return SectionReader.of(section.data, name);
  }

  /** A record inside a section; `path` is for messages. */
  static of(data: SectionData | undefined, path: string): SectionReader {
    if (!isRecord(data)) throw damaged(path, 'a record was expected');
    return new SectionReader(path, data);
  }

  /** An integer in 0..max. */
  number(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.field(key);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    throw damaged(this.at(key), `an integer in 0..${max} was expected`);
  }

  /** An instant, or Infinity for "never". */
  deadline(key: string): number {
    return this.field(key) === null ? Infinity : this.number(key);
  }

  boolean(key: string): boolean {
    const value = this.field(key);
    if (typeof value === 'boolean') return value;
    throw damaged(this.at(key), 'a boolean was expected');
  }

  string(key: string): string {
    const value = this.field(key);
    if (typeof value === 'string') return value;
    throw damaged(this.at(key), 'a string was expected');
  }

  /** An unsigned integer of 64 bits. */
  u64(key: string): bigint {
    return asU64(this.field(key), this.at(key));
  }

  /** A copy. */
  bytes(key: string): Uint8Array {
    const value = this.field(key);
    if (value instanceof Uint8Array) return value.slice();
    throw damaged(this.at(key), 'bytes were expected');
  }

  list(key: string): readonly SectionData[] {
    const value = this.field(key);
    if (Array.isArray(value)) return value as readonly SectionData[];
    throw damaged(this.at(key), 'a list was expected');
  }

  /** `count` integers in 0..max. */
  numbers(key: string, count: number, max: number): number[] {
    const list = this.list(key);
    if (list.length !== count) throw damaged(this.at(key), `${count} numbers were expected`);
    return list.map((value) => {
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
      throw damaged(this.at(key), `integers in 0..${max} were expected`);
    });
  }

  /** `count` unsigned integers of 64 bits. */
  u64s(key: string, count: number): bigint[] {
    const list = this.list(key);
    if (list.length !== count) throw damaged(this.at(key), `${count} numbers were expected`);
    return list.map((value) => asU64(value, this.at(key)));
  }

  record(key: string): SectionReader {
    return SectionReader.of(this.field(key), this.at(key));
  }

  records(key: string): SectionReader[] {
    return this.list(key).map((value, index) => SectionReader.of(value, `${this.at(key)}[${index}]`));
  }

  /** The field as it is; for contents that another reader takes over. */
  field(key: string): SectionData {
    const value = Object.hasOwn(this.fields, key) ? this.fields[key] : undefined;
    if (value === undefined) throw damaged(this.at(key), 'it is missing');
    return value;
  }

  private at(key: string): string {
    return `${this.path}.${key}`;
  }
}

/** How an instant is saved: Infinity is not plain data in every store. */
export const savedDeadline = (at: number): number | null => (at === Infinity ? null : at);

function isRecord(data: SectionData | undefined): data is { readonly [key: string]: SectionData } {
  return typeof data === 'object' && data !== null && !Array.isArray(data) && !(data instanceof Uint8Array);
}

function asU64(value: SectionData, path: string): bigint {
  if (typeof value === 'bigint' && value >= 0n && value >> 64n === 0n) return value;
  throw damaged(path, 'an unsigned 64-bit number was expected');
}

const damaged = (path: string, why: string) =>
  userError('SECTION_DATA', `saved state is damaged at ${path}: ${why}; take the checkpoint again`);
