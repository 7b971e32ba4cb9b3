/**
 * Values on one line, as the programmers of their language expect them: `{next = 0x80001234, name = "init"}`,
 * `0x80002000 <trap_handler>`, `65 'A'`, `Some(5)`. Bounded in length and depth, and only reads what it shows.
 */
import type { BaseType, EnumType, PointerType, StructType } from '../symbols/types';
import {
  dereferenced,
  elements,
  isReference,
  lengthOf,
  namedChildren,
  shapeOf,
  sliceOf,
  targetOf,
  variantOf,
  type Child,
} from './children';
import { floatNumberText } from './floats';
import { charKind, charText, isPrintable, quoted, readCString } from './strings';
import { sharedOf } from './rust-values';
import { plain, sizeOf } from './type-layout';
import { isMissing, type Missing, type Scalar, type Value } from './value';
import { ones } from './value-bits';

/** As VS writes them behind a comma, and gdb behind `p/`: hex, decimal, unsigned, octal, binary (b, t), character, string, address. */
export type FormatLetter = 'x' | 'd' | 'u' | 'o' | 'b' | 't' | 'c' | 's' | 'a';

export interface TextOptions {
  readonly format?: FormatLetter | undefined;
  /** Name of the code or data at an address, for pointers: `main+0x10`. */
  readonly symbolAt?: ((address: bigint) => string | undefined) | undefined;
  /** Characters, about; default 160. */
  readonly lengthMax?: number;
  /** Structs within structs; default 3. */
  readonly depthMax?: number;
}

const LENGTH_MAX = 160;
const DEPTH_MAX = 3;
const TEXT_BYTES_MAX = 200;
const ELEMENTS_MAX = 200;

export const valueText = (value: Value, options: TextOptions = {}): string => new Writer(options).text(value);

export const missingText = (missing: Missing): string =>
  missing.kind === 'optimizedOut' ? '<optimized out>' : `<${missing.reason}>`;

class Writer {
  /** Characters written by now: what comes too late is `...`. */
  private used = 0;
  private readonly lengthMax: number;
  private readonly depthMax: number;

  constructor(private readonly options: TextOptions) {
    this.lengthMax = options.lengthMax ?? LENGTH_MAX;
    this.depthMax = options.depthMax ?? DEPTH_MAX;
  }

  text(value: Value, depth = 0): string {
    const before = this.used;
    const text = this.anyText(value, depth);
    this.used = before + text.length;
    return text;
  }

  private anyText(value: Value, depth: number): string {
    const type = value.plain;
    switch (type.kind) {
      case 'struct':
        return this.struct(value, type, depth);
      case 'array':
        return this.array(value, depth);
      case 'pointer':
        return this.isFollowed(type) ? this.reference(value, depth) : this.pointer(value);
      case 'function':
        return this.named(value.address ?? 0n);
      case 'void':
        return type.name === 'void' ? 'void' : '()';
      default:
        return this.scalar(value);
    }
  }

  private scalar(value: Value): string {
    const type = value.plain;
    if (type.kind === 'base' && type.encoding === 'complexFloat') return this.complex(value, type.byteSize);
    // Nothing is read for nothing: `()`.
    if (type.kind === 'base' && type.byteSize === 0) return type.name;
    const number = value.number();
    if (typeof number === 'object') return missingText(number);
    return this.number(value, number);
  }

  /** Two numbers in a row: the real part, and the imaginary one. */
  private complex(value: Value, byteSize: number): string {
    const part: BaseType = { kind: 'base', name: 'part', byteSize: byteSize / 2, encoding: 'float' };
    const [real, imaginary] = [value.as(part), value.part(part, 4 * byteSize)].map((one) => this.scalar(one));
    return `${real ?? ''} + ${imaginary ?? ''}i`;
  }

  private number(value: Value, number: Scalar): string {
    const type = value.plain;
    const { format } = this.options;
    const bits = value.bitSize ?? 8 * Math.min(sizeOf(type) ?? 8, 64);
    if (format !== undefined && format !== 's') return this.formatted(number, bits, format);
    if (type.kind === 'enum') return enumText(type, BigInt(number));
    if (type.kind === 'base') {
      if (type.encoding === 'boolean') {
        return number === 0n ? 'false' : number === 1n ? 'true' : `true (${number})`;
      }
      if (type.encoding === 'float') return floatNumberText(Number(number), type.byteSize);
      if (charKind(type) !== undefined) return `${number} '${charText(Number(number) & 0xff, "'")}'`;
      // C++ has numbers of that kind, Rust only characters.
      if (type.name === 'char' && type.encoding === 'utf' && type.byteSize === 4)
        return `'${charText(Number(number), "'")}'`;
      if (type.encoding === 'utf') return `${number} '${charText(Number(number), "'")}'`;
    }
    return number.toString();
  }

  private formatted(number: Scalar, bits: number, format: FormatLetter): string {
    if (typeof number === 'number') {
      if (format === 'd' || format === 'u') return Math.trunc(number).toString();
      return format === 'x' ? `0x${wholeBits(number, bits).toString(16)}` : floatNumberText(number, bits / 8);
    }
    return integerText(number, bits, format, this.options.symbolAt);
  }

  private pointer(value: Value): string {
    const { location } = value;
    if (location.kind === 'implicitPointer') {
      const target = targetOf(value);
      return isMissing(target)
        ? missingText(target)
        : `(optimized out) -> ${this.text(target, this.depthMax)}`;
    }
    const address = value.number();
    if (typeof address === 'object') return missingText(address);
    if (typeof address === 'number') return '';
    const { format } = this.options;
    const type = value.plain;
    if (type.kind !== 'pointer') return address.toString();
    const target = plain(type.target);
    const kind = charKind(target);
    if (kind !== undefined && (format === undefined || format === 's' || format === 'x')) {
      const text = address === 0n ? undefined : readCString(value.frame, address, TEXT_BYTES_MAX);
      const isShown = text !== undefined && (kind === 'char' || (text.isWhole && isPrintable(text.bytes)));
      if (isShown) return `0x${address.toString(16)} ${quoted(text.bytes, text.isWhole)}`;
    }
    if (format !== undefined && format !== 's' && format !== 'x' && format !== 'a')
      return integerText(address, 64, format, this.options.symbolAt);
    return this.named(address);
  }

  private named(address: bigint): string {
    const name = address === 0n ? undefined : this.options.symbolAt?.(address);
    const text = `0x${address.toString(16)}`;
    return name === undefined ? text : `${text} <${name}>`;
  }

  /** A format asks for the number that a reference of Rust is. */
  private isFollowed(type: PointerType): boolean {
    return isReference(type) && (type.flavour !== 'pointer' || this.options.format === undefined);
  }

  private reference(value: Value, depth: number): string {
    const target = targetOf(value);
    if (isMissing(target)) return missingText(target);
    const type = value.plain;
    if (type.kind === 'pointer' && type.flavour === 'pointer') {
      if (depth > this.depthMax) return '...';
      const mark = /^&(?:mut )?/u.exec(type.name ?? '')?.[0] ?? '';
      return `${mark}${this.text(target, depth + 1)}`;
    }
    return depth > this.depthMax ? '...' : this.text(dereferenced(value), depth + 1);
  }

  private array(value: Value, depth: number): string {
    const type = value.plain;
    if (type.kind !== 'array') return '';
    const length = lengthOf(value);
    if (length === undefined) return value.address === undefined ? '{...}' : this.named(value.address);
    const asText = type.dimensions.length === 1 ? this.charArray(value, length) : undefined;
    if (asText !== undefined) return asText;
    const isRust = type.language === 'rust';
    return this.list(value, length, isRust ? '[]' : '{}', depth);
  }

  private charArray(value: Value, length: number): string | undefined {
    const type = value.plain;
    const kind = type.kind === 'array' ? charKind(type.element) : undefined;
    const { format } = this.options;
    if (kind === undefined || (format !== undefined && format !== 's' && format !== 'x')) return undefined;
    const found = value.bytes(Math.min(length, TEXT_BYTES_MAX));
    if (isMissing(found)) return missingText(found);
    if (found.unknown !== 0n) return undefined;
    let end = found.bytes.length;
    while (end > 0 && found.bytes[end - 1] === 0) end--;
    const bytes = found.bytes.subarray(0, end);
    if (kind === 'byte' && (format === 'x' || end === 0 || !isPrintable(bytes))) return undefined;
    // What is behind the end of the string is rarely meant; but it is not text then only if it is no text at all.
    const zero = bytes.indexOf(0);
    const isWhole = found.bytes.length === length || (zero >= 0 && zero < bytes.length);
    return quoted(bytes, isWhole);
  }

  private list(value: Value, length: number, brackets: string, depth: number): string {
    if (depth >= this.depthMax)
      return length === 0 ? brackets : `${brackets.charAt(0)}...${brackets.charAt(1)}`;
    const texts: string[] = [];
    const shown = Math.min(length, ELEMENTS_MAX);
    for (let index = 0; index < shown; index++) {
      if (this.isFull) break;
      const [child] = elements(value, index, 1);
      if (child === undefined) break;
      const text = this.text(child.value, depth + 1);
      // One element that cannot be read says it for all.
      if (index === 0 && text.startsWith('<memory at')) return text;
      texts.push(text);
      this.used += 2;
    }
    if (texts.length < length) texts.push('...');
    return `${brackets.charAt(0)}${texts.join(', ')}${brackets.charAt(1)}`;
  }

  private get isFull(): boolean {
    return this.used >= this.lengthMax;
  }

  private struct(value: Value, type: StructType, depth: number): string {
    if (type.byteSize === undefined) return '<incomplete type>';
    const gone = wholeMissing(value);
    if (gone !== undefined) return missingText(gone);
    if (type.language === 'rust') return this.rust(value, type, depth);
    if (depth >= this.depthMax) return '{...}';
    const own = namedChildren(value).filter(({ kind }) => kind !== 'static');
    return `{${this.members(own, ' = ', depth)}}`;
  }

  private members(children: readonly Child[], between: string, depth: number): string {
    const texts: string[] = [];
    for (const { name, value, kind } of children) {
      if (this.isFull) {
        texts.push('...');
        break;
      }
      const head = kind === 'base' ? `<${name}>${between}` : between === '' ? '' : `${name}${between}`;
      this.used += head.length + 2;
      const text = name === 'vtable' ? this.pointer(value) : this.text(value, depth + 1);
      texts.push(`${head}${text}`);
    }
    return texts.join(', ');
  }

  private rust(value: Value, type: StructType, depth: number): string {
    const slice = sliceOf(value);
    if (slice?.isText === true) {
      const count = Math.min(slice.count, TEXT_BYTES_MAX);
      const bytes = count === 0 ? NO_BYTES : value.frame.read(slice.first.address ?? 0n, count);
      if (bytes !== undefined) return quoted(bytes, count === slice.count);
    }
    if (slice !== undefined) return this.list(value, slice.count, '[]', depth);
    const variant = type.variantPart && variantOf(value);
    if (type.variantPart !== undefined && variant === undefined) return '<variant not known>';
    const name =
      variant === undefined
        ? rustStructName(type.name ?? '')
        : (variant.members[0]?.name ?? variant.name ?? '');
    const children = namedChildren(value);
    const shared = sharedOf(value);
    if (shared !== undefined && depth < this.depthMax) return `${name}(${this.text(shared, depth + 1)})`;
    const [only] = children;
    if (only !== undefined && WRAPPERS.has(name)) return this.text(only.value, depth);
    if (children.length === 0) return name === '' ? '()' : name;
    if (depth >= this.depthMax) return `${name}${name === '' ? '' : ' '}{...}`;
    // Libraries' own wrappings of one value are no structures for a person: `Cell(3)`, `AtomicU32(7)`.
    const isWrapping =
      only !== undefined && children.length === 1 && /^(?:core|alloc|std)::/u.test(type.name ?? '');
    const isTuple =
      children.every((child) => /^\d+$/u.test(child.name)) || (isWrapping && variant === undefined);
    if (isTuple)
      return `${name}(${this.members(children, '', depth)}${name === '' && children.length === 1 ? ',' : ''})`;
    return `${name}${name === '' ? '' : ' '}{ ${this.members(children, ': ', depth)} }`;
  }
}

const NO_BYTES = new Uint8Array(0);

/** What the library wraps everything in, and what says nothing to a person. */
const WRAPPERS: ReadonlySet<string> = new Set(['UnsafeCell', 'ManuallyDrop', 'NonNull', 'Unique']);

/** A struct of which nothing is there says so once. */
function wholeMissing(value: Value): Missing | undefined {
  const { location } = value;
  if (location.kind === 'optimizedOut' || location.kind === 'unavailable') return location;
  if (location.kind !== 'memory' || value.byteSize === 0 || shapeOf(value).named === 0) return undefined;
  const found = value.bytes(1);
  return isMissing(found) ? found : undefined;
}

/** `Point` of `kernel::shapes::Point<u8>`, `dyn Device` of `&mut dyn kernel::Device`; '' for tuples. */
function rustStructName(path: string): string {
  if (path.startsWith('(')) return '';
  const mark = /^(?:&(?:mut )?|\*(?:const|mut) )?(?:dyn )?/u.exec(path)?.[0] ?? '';
  const [head = ''] = path.slice(mark.length).split('<');
  return `${mark}${head.slice(head.lastIndexOf(':') + 1)}`;
}

/** The name of a number; of flags all names (`A | B`), and what is left over in hexadecimal. */
export function enumText(type: EnumType, number: bigint): string {
  const named = type.enumerators.find((one) => one.value === number);
  if (named !== undefined) return named.name;
  const flags = type.enumerators.filter(({ value }) => value > 0n && (value & (value - 1n)) === 0n);
  // One flag alone is the beginning of a count.
  const isFlags =
    flags.length >= 2 && flags.length >= type.enumerators.filter(({ value }) => value > 2n).length;
  const bits = BigInt.asUintN(8 * type.byteSize, number);
  const set = isFlags ? flags.filter(({ value }) => (bits & value) !== 0n) : [];
  if (set.length === 0) return number.toString();
  const rest = set.reduce((left, { value }) => left & ~value, bits);
  // A, B and C that count from 0 look like flags, too.
  if (rest !== 0n && flags.every(({ value }) => value < 4n)) return number.toString();
  const names = set.map(({ name }) => name);
  return [...names, ...(rest === 0n ? [] : [`0x${rest.toString(16)}`])].join(' | ');
}

const wholeBits = (number: number, bits: number): bigint =>
  Number.isFinite(number) ? BigInt.asUintN(bits, BigInt(Math.trunc(number))) : 0n;

/** A whole number in the way a letter says; `bits` is its width. */
export function integerText(
  number: bigint,
  bits: number,
  format: FormatLetter,
  symbolAt?: TextOptions['symbolAt'],
): string {
  const raw = number & ones(bits);
  switch (format) {
    case 'x':
      return `0x${raw.toString(16)}`;
    case 'a': {
      const name = symbolAt?.(raw);
      return `0x${raw.toString(16)}${name === undefined ? '' : ` <${name}>`}`;
    }
    case 'o':
      return raw === 0n ? '0' : `0${raw.toString(8)}`;
    case 'b':
    case 't':
      return `0b${raw.toString(2)}`;
    case 'u':
      return raw.toString();
    case 'd':
      return BigInt.asIntN(bits, number).toString();
    case 'c':
      return `${number} '${charText(Number(raw & 0xffn), "'")}'`;
    case 's':
      return number.toString();
  }
}
