/** Walks an expression that was read, and gives a value. See expression.ts for what it knows and throws. */
import { defined, unreachable, userError } from '../base/errors';
import type { Type } from '../symbols/types';
import type { FrameContext } from '../symbols/variables';
import { CHAR, INT, ULONG, VOID } from './builtin-types';
import { dereferenced, elementAt, memberNamed, sliceOf, targetOf } from './children';
import {
  combine,
  common,
  decayed,
  isNumber,
  isTrue,
  operandOf,
  promoted,
  strideOf,
  typeOfOperand,
  type Arithmetic,
  type Operand,
} from './expression-arithmetic';
import { assignment } from './expression-assignment';
import { CONSTANTS, LITERAL_TYPES } from './expression-constants';
import type { ExpressionContext } from './expression-context';
import {
  incomplete,
  indexError,
  missing,
  noNumber,
  notLvalue,
  notPointer,
  voidPointer,
} from './expression-errors';
import { noMember, unknownName, type Names } from './expression-names';
import {
  dotted,
  type AssignmentOperator,
  type BinaryOperator,
  type Expression,
  type UnaryOperator,
} from './expression-syntax';
import { isVariant, rustMember, throughReferences } from './rust-values';
import { registerValue } from './register-values';
import { array, elementType, plain, pointerTo, sizeOf } from './type-layout';
import { typeText } from './type-names';
import { isFloat, isMissing, Value, type Scalar, type Write } from './value';
import { equalsText } from './strings';

type Node<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

/** Pointers to pointers that a dot follows, as Rust does. */
const FOLLOWED_MAX = 4;

export class Evaluator {
  /** In sizeof only types count: nothing is read, and every number is 1 (C11, 6.5.3.4). */
  private isUnevaluated = false;
  /** Places of names: several looks may be needed to tell what one means. */
  private readonly known = new Map<string, Value>();

  constructor(
    private readonly context: ExpressionContext,
    private readonly frame: FrameContext,
    private readonly names: Names,
  ) {}

  value(expression: Expression): Value {
    switch (expression.kind) {
      case 'literal':
        return this.number(LITERAL_TYPES[expression.type], expression.value);
      case 'string':
        return this.string(expression.bytes);
      case 'register':
        return registerValue(expression, this.context, this.frame);
      case 'name':
        return this.named(expression.name);
      case 'unary':
        return this.unary(expression.operator, expression.operand);
      case 'cast':
        return this.cast(this.names.typeOf(expression.type), expression.operand);
      case 'index':
        return this.index(expression);
      case 'slice':
        return this.slice(expression);
      case 'member':
        return this.member(expression);
      case 'sizeofType':
        return this.sizeof(this.names.typeOf(expression.type));
      case 'sizeof':
        return this.sizeofOperand(expression.operand);
      case 'offsetof': {
        const { offset } = this.names.offsetOf(this.names.typeOf(expression.type), expression.path);
        return this.number(ULONG, offset);
      }
      case 'containerOf':
        return this.containerOf(expression);
      case 'binary':
        return this.binary(expression.operator, expression.left, expression.right);
      case 'conditional':
        return this.conditional(expression);
      case 'assign':
        return this.assign(expression);
      case 'sequence':
        return defined(expression.parts.map((part) => this.value(part)).at(-1), 'a comma has two sides');
      default:
        return unreachable(expression);
    }
  }

  private number(type: Type, number: Scalar): Value {
    return Value.number(type, number, this.frame);
  }

  private string(bytes: Uint8Array): Value {
    const terminated = new Uint8Array(bytes.length + 1);
    terminated.set(bytes);
    const type = array(CHAR, BigInt(terminated.length));
    return new Value(type, { kind: 'value', bytes: terminated }, this.frame);
  }

  private named(name: string): Value {
    const found = this.lookUp(name);
    if (found === undefined) throw unknownName(name);
    return found;
  }

  private lookUp(name: string): Value | undefined {
    return this.variable(name) ?? this.constant(name);
  }

  private variable(name: string): Value | undefined {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const found = this.names.variable(name) ?? this.symbolNamed(name);
    if (found !== undefined) this.known.set(name, found);
    return found;
  }

  private symbolNamed(name: string): Value | undefined {
    const symbol = this.names.symbol(name);
    return symbol && this.names.symbolValue(symbol);
  }

  private constant(name: string): Value | undefined {
    const split = name.lastIndexOf('::');
    const enumeration = split < 0 ? undefined : this.names.typeNamed(name.slice(0, split));
    const enumerator = enumeration && this.enumerator(enumeration, name.slice(split + 2));
    if (enumerator !== undefined) return enumerator;
    const constant = CONSTANTS.get(name);
    return constant === undefined ? this.names.constant(name) : this.number(...constant);
  }

  private enumerator(type: Type, name: string): Value | undefined {
    const bare = plain(type);
    if (bare.kind !== 'enum') return undefined;
    const found = bare.enumerators.find((one) => one.name === name || one.name.endsWith(`::${name}`));
    return found && this.number(type, found.value);
  }

  private operand(expression: Expression): Operand {
    return this.read(decayed(this.value(expression)));
  }

  private read(value: Value): Operand {
    if (!this.isUnevaluated) return operandOf(value);
    return { type: typeOfOperand(value), number: isFloat(value.plain) ? 1 : 1n };
  }

  /** The operand beside another one, whose type may say what a name means: `state == RUNNING`. */
  private operandBeside(expression: Expression, other: () => Value | undefined): Operand {
    if (expression.kind !== 'name') return this.operand(expression);
    const variable = this.variable(expression.name);
    if (variable !== undefined) return this.read(decayed(variable));
    // Of the enumerators that have the name, the one of the other side's type is meant.
    const known = other();
    const own = known && this.enumerator(dereferenced(known).type, expression.name);
    const found = own ?? this.constant(expression.name);
    if (found === undefined) throw unknownName(expression.name);
    return this.read(found);
  }

  private unary(operator: UnaryOperator, operand: Expression): Value {
    if (operator === '&') return this.addressOf(operand);
    if (operator === '*') return this.dereference(this.value(operand));
    const inner = this.operand(operand);
    if (operator === '!') return this.number(INT, isTrue(inner) ? 0n : 1n);
    const type = promoted(inner.type);
    if (operator === '+') return this.number(type, inner.number);
    if (operator === '-') return this.number(type, -inner.number);
    if (typeof inner.number === 'number') throw noNumber(typeText(inner.type));
    return this.number(type, ~inner.number);
  }

  private addressOf(operand: Expression): Value {
    const symbol = this.symbolOf(operand);
    if (symbol !== undefined) {
      const value = this.names.symbolValue(symbol);
      const type = value.address === undefined ? VOID : value.type;
      return this.number(pointerTo(type), symbol.address);
    }
    const value = dereferenced(this.value(operand));
    if (value.isBitField) {
      throw userError('EXPR_NOT_LVALUE', 'a bit field has no address; take that of the struct it is in');
    }
    if (value.address === undefined) {
      const { location } = value;
      if (location.kind === 'optimizedOut') throw missing(value, location);
      throw notLvalue();
    }
    return this.number(pointerTo(value.type), value.address);
  }

  /** The symbol that an expression names, where no variable has the name; also `main.cold.0`. */
  private symbolOf(expression: Expression): ReturnType<Names['symbol']> {
    const name = dotted(expression);
    if (name === undefined || this.names.variable(name.slice(0, `${name}.`.indexOf('.'))) !== undefined)
      return undefined;
    return this.names.symbol(name);
  }

  private dereference(value: Value): Value {
    const followed = dereferenced(value);
    const { plain: type } = followed;
    if (type.kind === 'function') return followed;
    if (type.kind === 'array') return elementAt(followed, 0);
    if (type.kind !== 'pointer') throw notPointer(typeText(followed.type));
    return this.pointee(followed, type.target);
  }

  private pointee(pointer: Value, type: Type): Value {
    if (plain(type).kind === 'void') throw voidPointer();
    if (this.isUnevaluated) return new Value(type, { kind: 'memory', address: 0n }, this.frame);
    const target = targetOf(pointer);
    if (isMissing(target)) throw missing(pointer, target);
    return target;
  }

  private index({ base, index }: Node<'index'>): Value {
    const { number } = this.operand(index);
    if (typeof number !== 'bigint') throw userError('EXPR_INDEX', 'an index must be a whole number');
    return this.elementOf(dereferenced(this.value(base)), number);
  }

  private elementOf(given: Value, index: bigint): Value {
    const value = throughReferences(given);
    const { plain: type } = value;
    if (type.kind === 'array') {
      const lower = type.dimensions[0]?.lower ?? 0n;
      const at = Number(index - lower);
      if (sizeOf(elementType(type), value.dynamics) === undefined) throw incomplete(typeText(type.element));
      if (value.address === undefined && at < 0) throw indexError(index);
      return elementAt(value, at);
    }
    const slice = sliceOf(value);
    if (slice !== undefined) {
      if (index < 0n || index >= BigInt(slice.count)) throw indexError(index, slice.count);
      return elementAt(slice.first, Number(index));
    }
    if (type.kind !== 'pointer') throw notPointer(typeText(value.type));
    if (plain(type.target).kind === 'void') throw voidPointer();
    const first = this.pointee(value, type.target);
    if (first.address === undefined) return elementAt(first, Number(index));
    const address = first.address + index * strideOf({ type: value.type, number: 0n });
    return new Value(type.target, { kind: 'memory', address: BigInt.asUintN(64, address) }, this.frame);
  }

  private slice({ base, from, to }: Node<'slice'>): Value {
    const value = dereferenced(this.value(base));
    const [start, end] = [this.count(from), this.count(to)];
    if (typeof start !== 'bigint' || typeof end !== 'bigint' || end < start) {
      throw userError('EXPR_INDEX', 'a range needs whole numbers, the smaller one first: array[2..5]');
    }
    const isEmpty = start === end;
    const first = this.elementOf(value, isEmpty && start > 0n ? start - 1n : start);
    const language = 'language' in value.plain ? value.plain.language : 'c';
    return first.as({ ...array(first.type, end - start), language });
  }

  /** How many elements there are is a part of the type. */
  private count(expression: Expression): Scalar {
    return this.unevaluated(() => this.operand(expression).number, false);
  }

  private member(expression: Node<'member'>): Value {
    const symbol = this.symbolOf(expression);
    if (symbol !== undefined) return this.names.symbolValue(symbol);
    const { base, name } = expression;
    if (base.kind === 'register') {
      const field = this.context.fieldOf?.(base.name, name);
      if (field !== undefined) return this.value(base).part(ULONG, field.low, field.width);
    }
    let value = dereferenced(this.value(base));
    for (let hops = 0; hops < FOLLOWED_MAX; hops++) {
      const { plain: type } = value;
      if (type.kind !== 'pointer') break;
      value = dereferenced(this.pointee(value, type.target));
    }
    const { plain: type } = value;
    if (type.kind === 'struct' && type.byteSize === undefined) throw incomplete(typeText(value.type));
    const found = memberNamed(value, name) ?? rustMember(value, name);
    if (found === undefined) throw noMember(value.type, name);
    return this.names.defined(found, value.type, name);
  }

  private sizeof(type: Type, value?: Value): Value {
    const size = value === undefined ? sizeOf(type) : value.byteSize;
    if (size === undefined) throw incomplete(typeText(type));
    return this.number(ULONG, BigInt(size));
  }

  private sizeofOperand(operand: Expression): Value {
    if (operand.kind === 'name' && this.lookUp(operand.name) === undefined) {
      const type = this.names.typeNamed(operand.name);
      if (type !== undefined) return this.sizeof(type);
    }
    return this.unevaluated(() => {
      const value = dereferenced(this.value(operand));
      return this.sizeof(value.type, value);
    });
  }

  private containerOf({ pointer, type: syntax, path }: Node<'containerOf'>): Value {
    const type = this.names.typeOf(syntax);
    const { offset } = this.names.offsetOf(type, path);
    const { number } = this.operand(pointer);
    if (typeof number !== 'bigint') throw notPointer('float');
    return this.number(pointerTo(type), BigInt.asUintN(64, number - offset));
  }

  private cast(type: Type, operand: Expression): Value {
    const bare = plain(type);
    const value = this.value(operand);
    switch (bare.kind) {
      case 'void':
      case 'function':
        throw userError('EXPR_VOID_POINTER', 'nothing can be cast to that; cast to a number or a pointer');
      case 'struct':
      case 'array':
        return dereferenced(value).as(type);
      case 'pointer':
        if (bare.flavour !== 'pointer') return dereferenced(value).as(bare.target);
        break;
      default:
        break;
    }
    const { number } = this.read(decayed(value));
    // The type keeps its name: what it is shown as may depend on it.
    return this.number(type, number);
  }

  /** Two numbers of different types become one that they have in common (C11, 6.5.15). */
  private conditional({ test, yes, no }: Node<'conditional'>): Value {
    const isChosen = isTrue(this.operand(test));
    const chosen = this.value(isChosen ? yes : no);
    if (!isNumber(chosen)) return chosen;
    const type = this.unevaluated(() => {
      const other = this.value(isChosen ? no : yes);
      if (!isNumber(other) || typeText(other.plain) === typeText(chosen.plain)) return undefined;
      return common(typeOfOperand(chosen), typeOfOperand(other));
    });
    return type === undefined ? chosen : this.number(type, this.read(chosen).number);
  }

  private unevaluated<T>(look: () => T, isUnevaluated = true): T {
    const outer = this.isUnevaluated;
    this.isUnevaluated = isUnevaluated;
    try {
      return look();
    } finally {
      this.isUnevaluated = outer;
    }
  }

  private binary(operator: BinaryOperator, left: Expression, right: Expression): Value {
    // Short circuit: the right side may be unreadable exactly when the left one says so.
    if (operator === '&&') return this.truth(isTrue(this.operand(left)) && isTrue(this.operand(right)));
    if (operator === '||') return this.truth(isTrue(this.operand(left)) || isTrue(this.operand(right)));
    if (operator === '@') return this.repeat(left, right);
    if (operator === '==' || operator === '!=') {
      const same = this.compareText(left, right) ?? this.compareVariant(left, right);
      if (same !== undefined) return this.truth(same === (operator === '=='));
    }
    return this.combined(
      operator,
      this.operandBeside(left, () => this.beside(right)),
      this.operandBeside(right, () => this.beside(left)),
    );
  }

  private beside(expression: Expression): Value | undefined {
    return expression.kind === 'name' ? this.lookUp(expression.name) : this.value(expression);
  }

  private truth(condition: boolean): Value {
    return this.number(INT, condition ? 1n : 0n);
  }

  private combined(operator: Arithmetic, left: Operand, right: Operand): Value {
    const { type, number } = combine(operator, left, right, this.frame);
    return this.number(type, number);
  }

  /** `shape == Empty`, `next == None`: whether a Rust enumeration is that variant, whatever is in it. */
  private compareVariant(left: Expression, right: Expression): boolean | undefined {
    const isOpen = (one: Expression): boolean => one.kind === 'name' && this.lookUp(one.name) === undefined;
    const [variant, other] = isOpen(left) ? [left, right] : [right, left];
    if (variant.kind !== 'name' || !isOpen(variant) || isOpen(other)) return undefined;
    return isVariant(dereferenced(this.value(other)), variant.name);
  }

  /** `name == "init"` compares what is written there: addresses of literals mean nothing here. */
  private compareText(left: Expression, right: Expression): boolean | undefined {
    const [literal, other] = left.kind === 'string' ? [left, right] : [right, left];
    if (literal.kind !== 'string') return undefined;
    const value = dereferenced(this.value(other));
    const same = equalsText(value, literal.bytes);
    if (typeof same === 'object') throw missing(value, same);
    return same;
  }

  private repeat(left: Expression, right: Expression): Value {
    const value = dereferenced(this.value(left));
    const number = this.count(right);
    if (typeof number !== 'bigint' || number <= 0n) {
      throw userError('EXPR_INDEX', 'behind @ stands how many elements there are: *pointer@10');
    }
    if (value.address === undefined) throw notLvalue();
    return value.as(array(value.type, number));
  }

  private assign({ operator, target, value, isPostfix }: Node<'assign'>): Value {
    const { context } = this;
    if (context.write === undefined) {
      throw userError('EXPR_NOT_ASSIGNABLE', 'only the debug console and "Set Value" change the guest');
    }
    const place = this.value(target);
    const writes = this.writesTo(place, value, operator);
    const before = isPostfix === true ? operandOf(dereferenced(place)) : undefined;
    context.write(writes);
    return before === undefined ? this.value(target) : this.number(before.type, before.number);
  }

  /** See assignment(). */
  writesTo(target: Value, from: Expression, operator: AssignmentOperator = ''): Write[] {
    const reader = {
      value: (expression: Expression) => this.value(expression),
      operandBeside: (expression: Expression, other: Value) => this.operandBeside(expression, () => other),
    };
    return assignment(reader, { target, operator, from }, this.frame);
  }
}
