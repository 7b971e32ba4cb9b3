/**
 * The names that rustc gave to functions, from the symbols of an ELF file: both manglings, the older one (that of C++, with
 * a hash at the end) and v0 (RFC 2603). Only code without debug information needs it. What cannot be read is undefined;
 * symbols of C++ are none of Rust. Nesting, length and back references are bounded: a damaged file may repeat itself.
 */

const NAME_MAX = 2000;
const DEPTH_MAX = 64;
const STEPS_MAX = 5000;

/** `core::panicking::panic` of `_ZN4core9panicking5panic17h02c3961291ec24b3E`; undefined: no function of Rust's. */
export function rustName(symbol: string): string | undefined {
  const [bare = ''] = symbol.split('.llvm.');
  if (bare.startsWith('_ZN')) return legacy(bare);
  if (!/^_R[A-Z]/u.test(bare)) return undefined;
  try {
    return new Reader(bare.slice(2)).symbol();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

const MARKS: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

function legacy(symbol: string): string | undefined {
  // The hash tells it from C++.
  const [, inner] = /^_ZN(.+)17h[0-9a-f]{16}E/u.exec(symbol) ?? [];
  if (inner === undefined) return undefined;
  const parts: string[] = [];
  for (let at = 0; at < inner.length;) {
    const digits = /^\d+/u.exec(inner.slice(at, at + 6))?.[0] ?? '';
    const start = at + digits.length;
    at = start + Number(digits);
    if (digits === '' || at > inner.length) return undefined;
    parts.push(plainPart(inner.slice(start, at)));
  }
  return parts.join('::');
}

const plainPart = (part: string): string =>
  part
    .replace(/^_(?=\$)/u, '')
    .replaceAll('..', '::')
    .replace(/\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$/gu, (whole, code?: string, mark?: string) => {
      if (mark !== undefined) return MARKS[mark] ?? whole;
      const point = Number.parseInt(code ?? '', 16);
      return point > 0x10ffff ? whole : String.fromCodePoint(point);
    });

class Unreadable extends Error {}

const BASIC: Readonly<Record<string, string>> = {
  ...{ a: 'i8', b: 'bool', c: 'char', d: 'f64', e: 'str', f: 'f32', h: 'u8', i: 'isize', j: 'usize' },
  ...{ l: 'i32', m: 'u32', n: 'i128', o: 'u128', p: '_', s: 'i16', t: 'u16', u: '()', v: '...' },
  ...{ x: 'i64', y: 'u64', z: '!' },
};

class Reader {
  private at = 0;
  private depth = 0;
  private steps = 0;
  /** Lifetimes that `for<...>` names around here. */
  private bound = 0;

  constructor(private readonly text: string) {}

  symbol(): string {
    const name = this.path(true);
    if (name.length > NAME_MAX) throw new Unreadable();
    return name;
  }

  private get next(): string {
    return this.text.charAt(this.at);
  }

  private take(): string {
    if (this.at >= this.text.length || ++this.steps > STEPS_MAX) throw new Unreadable();
    return this.text.charAt(this.at++);
  }

  private accept(mark: string): boolean {
    if (this.next !== mark) return false;
    this.at++;
    return true;
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > DEPTH_MAX || ++this.steps > STEPS_MAX) throw new Unreadable();
    const found = read();
    this.depth--;
    return found;
  }

  /** Digits, lower and upper case letters, and `_` at the end: `_` is 0, `0_` is 1. Hashes may be inexact: they are not shown. */
  private base62(): number {
    if (this.accept('_')) return 0;
    let value = 0;
    for (let digit = this.take(); digit !== '_'; digit = this.take()) {
      const index = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(digit);
      if (index < 0) throw new Unreadable();
      value = 62 * value + index;
    }
    return value + 1;
  }

  private disambiguator(): number {
    return this.accept('s') ? this.base62() + 1 : 0;
  }

  private identifier(): { readonly name: string; readonly index: number } {
    const index = this.disambiguator();
    const isEncoded = this.accept('u');
    const digits = /^(?:0|[1-9]\d{0,4})/u.exec(this.text.slice(this.at, this.at + 5))?.[0];
    if (digits === undefined) throw new Unreadable();
    this.at += digits.length;
    this.accept('_');
    const name = this.text.slice(this.at, this.at + Number(digits));
    if (name.length < Number(digits)) throw new Unreadable();
    this.at += name.length;
    // Beyond ASCII: what is in it as it stands, and the rest encoded (RFC 3492). Nobody names kernel functions so.
    return { name: isEncoded ? `punycode{${name}}` : name, index };
  }

  /** What stands at an earlier place again. */
  private back<T>(read: () => T): T {
    const from = this.at - 1;
    const place = this.base62();
    if (place >= from) throw new Unreadable();
    const end = this.at;
    this.at = place;
    const found = this.nested(read);
    this.at = end;
    return found;
  }

  private path(isValue: boolean): string {
    return this.nested(() => {
      switch (this.take()) {
        case 'C':
          return this.identifier().name;
        case 'M':
          this.implPath();
          return `<${this.type()}>`;
        case 'X': {
          this.implPath();
          const type = this.type();
          return `<${type} as ${this.path(false)}>`;
        }
        case 'Y': {
          const type = this.type();
          return `<${type} as ${this.path(false)}>`;
        }
        case 'N':
          return this.within(isValue);
        case 'I': {
          const path = this.path(isValue);
          return `${path}${isValue ? '::' : ''}<${this.list(() => this.argument()).join(', ')}>`;
        }
        case 'B':
          return this.back(() => this.path(isValue));
        default:
          throw new Unreadable();
      }
    });
  }

  private implPath(): void {
    this.disambiguator();
    this.path(false);
  }

  private within(isValue: boolean): string {
    const space = this.take();
    const path = this.path(isValue);
    const { name, index } = this.identifier();
    if (/[a-z]/u.test(space)) return name === '' ? path : `${path}::${name}`;
    if (!/[A-Z]/u.test(space)) throw new Unreadable();
    const kind = space === 'C' ? 'closure' : space === 'S' ? 'shim' : space;
    return `${path}::{${kind}${name === '' ? '' : `:${name}`}#${index}}`;
  }

  private list(read: () => string): string[] {
    const found: string[] = [];
    while (!this.accept('E')) found.push(read());
    return found;
  }

  private argument(): string {
    if (this.accept('L')) return this.lifetime(this.base62());
    return this.accept('K') ? this.constant() : this.type();
  }

  private lifetime(index: number): string {
    if (index === 0) return "'_";
    const depth = this.bound - index;
    if (depth < 0) throw new Unreadable();
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`;
  }

  private type(): string {
    return this.nested(() => {
      const mark = this.next;
      const basic = BASIC[mark];
      if (basic !== undefined) {
        this.at++;
        return basic;
      }
      if ('CMXYNI'.includes(mark)) return this.path(false);
      this.take();
      switch (mark) {
        case 'A': {
          const element = this.type();
          return `[${element}; ${this.constant()}]`;
        }
        case 'S':
          return `[${this.type()}]`;
        case 'T': {
          const types = this.list(() => this.type());
          return types.length === 1 ? `(${types[0] ?? ''},)` : `(${types.join(', ')})`;
        }
        case 'R':
        case 'Q':
          return `&${this.reference()}${mark === 'Q' ? 'mut ' : ''}${this.type()}`;
        case 'P':
          return `*const ${this.type()}`;
        case 'O':
          return `*mut ${this.type()}`;
        case 'F':
          return this.scoped(() => this.signature());
        case 'D': {
          const traits = this.scoped(() => this.list(() => this.trait()).join(' + '));
          if (!this.accept('L')) throw new Unreadable();
          const lifetime = this.base62();
          return `dyn ${traits}${lifetime === 0 ? '' : ` + ${this.lifetime(lifetime)}`}`;
        }
        case 'B':
          return this.back(() => this.type());
        default:
          throw new Unreadable();
      }
    });
  }

  private reference(): string {
    const index = this.accept('L') ? this.base62() : 0;
    return index === 0 ? '' : `${this.lifetime(index)} `;
  }

  private scoped(read: () => string): string {
    const count = this.accept('G') ? this.base62() + 1 : 0;
    if (count > 100) throw new Unreadable();
    const names = Array.from({ length: count }, () => {
      this.bound++;
      return this.lifetime(1);
    });
    const text = read();
    this.bound -= count;
    return count === 0 ? text : `for<${names.join(', ')}> ${text}`;
  }

  private signature(): string {
    const unsafe = this.accept('U') ? 'unsafe ' : '';
    let abi = '';
    if (this.accept('K'))
      abi = `extern "${this.accept('C') ? 'C' : this.identifier().name.replaceAll('_', '-')}" `;
    const parameters = this.list(() => this.type()).join(', ');
    const result = this.type();
    return `${unsafe}${abi}fn(${parameters})${result === '()' ? '' : ` -> ${result}`}`;
  }

  private trait(): string {
    let path = this.path(false);
    while (this.accept('p')) {
      const binding = `${this.identifier().name} = ${this.type()}`;
      path = path.endsWith('>') ? `${path.slice(0, -1)}, ${binding}>` : `${path}<${binding}>`;
    }
    return path;
  }

  private constant(): string {
    const mark = this.take();
    if (mark === 'B') return this.back(() => this.constant());
    if (mark === 'p') return '_';
    if (!'abchijlmnostxy'.includes(mark)) throw new Unreadable();
    const sign = this.accept('n') ? '-' : '';
    const [, hex = ''] = /^([0-9a-f]{0,32})_/u.exec(this.text.slice(this.at, this.at + 33)) ?? [];
    this.at += hex.length;
    if (!this.accept('_')) throw new Unreadable();
    const value = BigInt(`0x${hex === '' ? '0' : hex}`);
    if (mark === 'b') return value === 1n ? 'true' : 'false';
    if (mark === 'c') return value > 0x10ffffn ? '?' : `'${String.fromCodePoint(Number(value))}'`;
    return `${sign}${value}`;
  }
}
