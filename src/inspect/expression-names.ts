/** What names mean at a place: variables of the innermost block first, then C++'s members of `this`, statics, symbols. */
import { userError } from '../base/errors';
import type { Symbols } from '../symbols/symbols';
import type { NamedSymbol } from '../symbols/symbol-index';
import type { Type } from '../symbols/types';
import {
  NOWHERE,
  type FrameContext,
  type FunctionScope,
  type TypedSymbols,
  type Variable,
} from '../symbols/variables';
import { builtinType, VOID_POINTER } from './builtin-types';
import { memberNamed, targetOf } from './children';
import type { Designator, TypeSyntax } from './expression-syntax';
import { incomplete } from './expression-errors';
import { array, elementType, plain, pointerTo, sizeOf } from './type-layout';
import { typeText } from './type-names';
import { isMissing, Value } from './value';

/** Symbols as far as expressions need them; types only where a file has debug information. */
export type ExpressionSymbols = Pick<Symbols, 'symbolNamed'> &
  Partial<TypedSymbols> &
  Partial<Pick<Symbols, 'functionAt' | 'breakpointAddressOf'>>;

type PlacedSymbol = Omit<NamedSymbol, 'binding'>;

export class Names {
  constructor(
    private readonly symbols: ExpressionSymbols,
    private readonly frame: FrameContext,
    /** Functions inlined around the frame's; undefined: the innermost one there is. */
    private readonly inlineDepth: number | undefined,
  ) {}

  /** The function whose variables are seen. */
  get scope(): FunctionScope | undefined {
    const scopes = this.symbols.scopesAt?.(this.frame.pc) ?? [];
    return this.inlineDepth === undefined ? scopes[0] : scopes[scopes.length - 1 - this.inlineDepth];
  }

  local(name: string): Variable | undefined {
    for (const { variables } of this.scope?.blocks ?? []) {
      // Of two in one block the later one hides the other (Rust's `let x = x + 1`).
      const found = variables.findLast((one) => one.name === name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A variable with a type, or a member of `this`. */
  variable(name: string): Value | undefined {
    const local = this.local(name);
    if (local !== undefined) return Value.of(local, this.frame);
    const self = name === 'this' ? undefined : this.local('this');
    if (self !== undefined) {
      const target = targetOf(Value.of(self, this.frame));
      const member = isMissing(target) ? undefined : memberNamed(target, name);
      if (member !== undefined && !isMissing(target)) return this.defined(member, target.type, name);
    }
    const found = this.qualified(name, (one) => this.symbols.variableNamed?.(one, this.frame.pc));
    return found && Value.of(found, this.frame);
  }

  /** In `a::b::f` the name `x` may be `a::b::x`, `a::x`, or `x`, in this order. */
  private qualified<T>(name: string, look: (name: string) => T | undefined): T | undefined {
    for (const prefix of this.namespaces()) {
      const found = look(`${prefix}::${name}`);
      if (found !== undefined) return found;
    }
    return look(name);
  }

  /** The namespaces and classes that the code is in, the innermost first. */
  private namespaces(): string[] {
    const name = this.symbols.functionAt?.(this.frame.pc)?.name ?? this.scope?.name ?? '';
    // Parameters and arguments of templates may have `::` of their own.
    const parts = (/^[\w:]*/u.exec(name)?.[0] ?? '').split('::').slice(0, -1);
    return parts.map((_, index) => parts.slice(0, parts.length - index).join('::'));
  }

  /** Functions also by the name that they have in the source: the linker knows those of C++ by others. */
  symbol(name: string): PlacedSymbol | undefined {
    return this.symbols.symbolNamed(name) ?? this.qualified(name, (one) => this.functionNamed(one));
  }

  private functionNamed(name: string): PlacedSymbol | undefined {
    const body = this.symbols.breakpointAddressOf?.(name);
    const range = body === undefined ? undefined : this.symbols.functionAt?.(body);
    // A class has its constructors' name.
    const isIt = range?.name === name || range?.name.startsWith(`${name}(`) === true;
    if (range === undefined || !isIt) return undefined;
    return { name, address: range.start, size: range.end - range.start, kind: 'function' };
  }

  /** An enumerator by its name alone, or with the names that it stands in. */
  constant(name: string): Value | undefined {
    const found = this.qualified(name, (one) => this.symbols.constantNamed?.(one, this.frame.pc));
    return found && Value.number(found.type, found.value, this.frame);
  }

  /** A static member that its class only declares is defined elsewhere, with its full name. */
  defined(member: Value, owner: Type, name: string): Value {
    const bare = plain(owner);
    if (member.location.kind !== 'optimizedOut' || !('name' in bare)) return member;
    const found = this.symbols.variableNamed?.(`${bare.name ?? ''}::${name}`, this.frame.pc);
    return found === undefined ? member : Value.of(found, this.frame);
  }

  /** A function or a label by its symbol; its type where that is known. */
  symbolValue({ address, size, kind }: PlacedSymbol): Value {
    const { frame } = this;
    const location = { kind: 'memory', address } as const;
    const type = kind === 'function' ? this.symbols.functionTypeAt?.(address)?.type : undefined;
    if (type !== undefined) return new Value(type, location, frame);
    const number = kind === 'object' ? builtinType(`u${8 * Number(size)}`) : undefined;
    // Without debug information a variable that is as large as a number is one, and all else stands for its address.
    return number === undefined
      ? Value.number(VOID_POINTER, address, frame)
      : new Value(number, location, frame);
  }

  typeNamed(name: string): Type | undefined {
    const { symbols, frame } = this;
    return builtinType(name) ?? this.qualified(name, (one) => symbols.typeNamed?.(one, frame.pc));
  }

  /** True where a name in parentheses is a type: no variable hides it. */
  isType(name: string): boolean {
    return this.variable(name) === undefined && this.typeNamed(name) !== undefined;
  }

  /** Throws EXPR_UNKNOWN_TYPE. */
  typeOf(syntax: TypeSyntax): Type {
    switch (syntax.kind) {
      case 'named': {
        const found = this.typeNamed(syntax.name);
        if (found !== undefined) return found;
        throw userError(
          'EXPR_UNKNOWN_TYPE',
          `'${syntax.name}' at column ${syntax.column} is no known type; use one of the program, C's names, or u8 to u64 and i8 to i64`,
        );
      }
      case 'pointer': {
        const target = this.typeOf(syntax.to);
        return syntax.isReference ? { ...pointerTo(target), flavour: 'reference' } : pointerTo(target);
      }
      case 'array':
        return array(this.typeOf(syntax.of), syntax.count);
      case 'function':
        return {
          kind: 'function',
          returns: this.typeOf(syntax.returns),
          parameters: syntax.parameters.map((one) => ({ name: undefined, type: this.typeOf(one) })),
          isVariadic: false,
        };
      case 'qualified':
        return { kind: 'qualified', qualifier: syntax.qualifier, target: this.typeOf(syntax.of) };
    }
  }

  /** Bytes from the beginning of a type to one of its parts. Throws EXPR_MEMBER, EXPR_INCOMPLETE_TYPE. */
  offsetOf(type: Type, path: Designator): { readonly offset: bigint; readonly type: Type } {
    // Nothing is read: the parts of a value at address 0 lie at their offsets.
    let at = new Value(type, { kind: 'memory', address: 0n }, NOWHERE);
    for (const step of path) {
      if (typeof step === 'bigint') {
        const bare = at.plain;
        if (bare.kind !== 'array') throw noMember(at.type, `[${step}]`);
        const element = elementType(bare);
        at = at.part(element, 8 * (sizeOf(element) ?? 0) * Number(step));
        continue;
      }
      const bare = at.plain;
      if (bare.kind === 'struct' && bare.byteSize === undefined) throw incomplete(typeText(at.type));
      const member = memberNamed(at, step);
      if (member === undefined) throw noMember(at.type, step);
      at = member;
    }
    if (at.location.kind !== 'memory' || at.isBitField)
      throw noMember(type, 'a bit field or a static member');
    return { offset: at.location.address, type: at.type };
  }
}

export const noMember = (type: Type, name: string): Error => {
  const bare = plain(type);
  const names = bare.kind === 'struct' ? bare.members.flatMap((one) => one.name ?? []).slice(0, 8) : [];
  const help =
    names.length === 0 ? 'only structs, unions and classes have members' : `it has ${names.join(', ')}`;
  return userError('EXPR_MEMBER', `${typeText(type)} has no member ${name}; ${help}`);
};

export const unknownName = (name: string): Error =>
  userError(
    'EXPR_UNKNOWN_SYMBOL',
    `there is no variable or symbol ${name} here; registers are written with $, as $a0`,
  );
