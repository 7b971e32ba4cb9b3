/**
 * Reads the fields of one message that came from another process. Whatever does not have the promised shape is a
 * UserError that names the message and the field; nothing is guessed or converted. A field that is `null` counts as
 * absent, because some DAP clients write their undefined values so. Fields that are not asked for are ignored, so that
 * either side may be the newer one.
 */
import { userError, type UserError } from '../base/errors';

/** The fields of one message, each read with the type that it must have. */
export class Message {
  private readonly fields: Readonly<Record<string, unknown>>;

  /** `what` names the message in errors. An absent value is a message without fields. */
  constructor(
    private readonly what: string,
    value: unknown,
  ) {
    if (value === undefined || value === null) this.fields = {};
    else if (typeof value === 'object' && !Array.isArray(value)) this.fields = { ...value };
    else throw userError('PROTOCOL_MESSAGE', `${what}: an object is needed, not ${nameOf(value)}`);
  }

  text(key: string): string {
    return this.optionalText(key) ?? this.absent(key);
  }

  optionalText(key: string): string | undefined {
    const value = this.field(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.wrong(key, 'a text', value);
  }

  /** A whole number from 0 to 2^53 - 1: instruction counts, sizes, indices. */
  count(key: string): number {
    return this.optionalCount(key) ?? this.absent(key);
  }

  optionalCount(key: string): number | undefined {
    const value = this.field(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.wrong(key, 'a whole number, 0 or more', value);
  }

  flag(key: string): boolean {
    return this.optionalFlag(key) ?? this.absent(key);
  }

  optionalFlag(key: string): boolean | undefined {
    const value = this.field(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false', value);
  }

  list<T>(key: string, parse: (item: unknown) => T): T[] {
    return this.optionalList(key, parse) ?? this.absent(key);
  }

  optionalList<T>(key: string, parse: (item: unknown) => T): T[] | undefined {
    const value = this.field(key);
    if (value === undefined) return undefined;
    if (Array.isArray(value)) return value.map((item: unknown) => parse(item));
    throw this.wrong(key, 'a list', value);
  }

  /** One of a closed set of words. */
  optionalWord<W extends string>(key: string, words: readonly W[]): W | undefined {
    const value = this.field(key);
    if (value === undefined) return undefined;
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    throw this.wrong(key, `one of ${words.map((w) => `"${w}"`).join(', ')}`, value);
  }

  /** A nested message: the parser says what an absent one means. */
  part<T>(key: string, parse: (value: unknown) => T): T {
    return parse(this.field(key) ?? this.absent(key));
  }

  /** The raw value, for fields of more than one type. */
  field(key: string): unknown {
    return Object.hasOwn(this.fields, key) ? (this.fields[key] ?? undefined) : undefined;
  }

  wrong(key: string, needed: string, value: unknown): UserError {
    return userError('PROTOCOL_FIELD', `${this.what}: "${key}" must be ${needed}, not ${nameOf(value)}`);
  }

  private absent(key: string): never {
    throw userError('PROTOCOL_FIELD', `${this.what}: "${key}" is missing`);
  }
}

/**
 * The same fields without those that are undefined: the optional fields of the messages are absent, never undefined.
 */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

type MaybeKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T];
export type Present<T> = Omit<T, MaybeKeys<T>> & { [K in MaybeKeys<T>]?: Exclude<T[K], undefined> };

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return value === null || value === undefined ? 'nothing' : `a value of type ${typeof value}`;
}
