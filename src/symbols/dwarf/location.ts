/**
 * Locations of variables in a frame: the attribute chooses an expression by pc, and the expression is evaluated in what
 * the unit, the function and the frame know. Nothing here throws UserErrors but readers' own, which `locateAttribute`
 * turns into locations that are unavailable.
 */
import { UserError } from '../../base/errors';
import type { FrameContext, Location } from '../variables';
import { AT, TAG } from './constants';
import type { Die } from './die';
import { evaluateDwarfExpression, evaluateLocation } from './expression';
import type { ExpressionContext, ExpressionScope } from './expression-context';
import { expressionAt } from './location-lists';
import type { Meaning, Passed, Place } from './meaning';
import type { ValueType } from './stack-values';
import { numberType } from './type-parts';

/** RISC-V psABI: the thread pointer. */
const TP = 4;

/** How many descriptions one location may need, and how far they may be nested. */
const MAX_EVALUATIONS = 200;
const MAX_NESTING = 16;

export const placeIn = (frame: FrameContext, meaning: Meaning): Place => ({
  frame,
  meaning,
  depth: 0,
  work: { evaluations: 0 },
});

const exhausted = (place: Place): boolean =>
  place.depth > MAX_NESTING || ++place.work.evaluations > MAX_EVALUATIONS;

/** The location that an attribute of the entry gives; undefined: it has no such attribute. Never throws. */
export const locateAttribute = (die: Die, name: number, place: Place): Location | undefined => {
  const value = die.attribute(name);
  if (value === undefined) return undefined;
  if (exhausted(place))
    return { kind: 'unavailable', reason: 'its description refers to itself without an end' };
  try {
    const bytes = expressionOf(die, name, place);
    if (bytes === undefined) return { kind: 'optimizedOut' };
    return evaluateLocation(bytes, contextOf(die, place));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind: 'unavailable', reason: error.message };
  }
};

/** The number that an attribute gives: a constant, an expression's result, or the value of the variable referred to. */
export const numberOfAttribute = (die: Die, name: number, place: Place): bigint | undefined => {
  const value = die.attribute(name);
  if (value === undefined || exhausted(place)) return undefined;
  if (value.kind === 'constant') return value.value;
  const target = die.reference(name);
  if (target !== undefined) return valueOfVariable(target, { ...place, depth: place.depth + 1 });
  const bytes = expressionOf(die, name, place);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const initial = place.object === undefined ? [] : [place.object];
  return evaluateDwarfExpression(bytes, contextOf(die, place), initial);
};

/** The expression in force at the frame's pc. Throws DWARF_BAD_SECTION. */
const expressionOf = (die: Die, name: number, { frame, meaning }: Place): Uint8Array | undefined => {
  const value = die.attribute(name);
  if (value?.kind === 'block') return value.bytes;
  return value && expressionAt(die.unit, value, meaning.inFile(frame.pc));
};

export const contextOf = (die: Die, place: Place): ExpressionContext => ({
  register: (number) => place.frame.register(number),
  read: (address, size) => readNumber(place.frame, address, size),
  scope: new FrameScope(die, place),
});

const readNumber = (frame: FrameContext, address: bigint, size: number): bigint | undefined => {
  const bytes = frame.read(address, size);
  return bytes?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
};

/**
 * RISC-V psABI, "Thread Local Storage": tp points at the first byte of the block of the program itself; blocks of shared
 * libraries are known to their loader only.
 */
export const threadLocalAddress = (frame: FrameContext, offset: bigint): bigint | undefined => {
  const tp = frame.register(TP);
  return tp === undefined ? undefined : BigInt.asUintN(64, tp + offset);
};

class FrameScope implements ExpressionScope {
  readonly addressSize: number;
  readonly referenceSize: 4 | 8;

  constructor(
    private readonly die: Die,
    private readonly place: Place,
  ) {
    const { header } = die.unit;
    this.addressSize = header.addressSize;
    // DWARF 2 gave references between units the size of an address.
    this.referenceSize = header.version > 2 ? header.offsetSize : header.addressSize === 8 ? 8 : 4;
  }

  inGuest(address: bigint): bigint {
    return this.place.meaning.inGuest(address);
  }

  indexed(index: number): bigint {
    return this.die.unit.indexedAddress(index);
  }

  frameBase(): bigint | undefined {
    const { frame, meaning } = this.place;
    const body = meaning.bodyAt(meaning.inFile(frame.pc));
    const base = body && locateAttribute(body, AT.frameBase, this.deeper());
    // DW_OP_reg: the register's contents are the base.
    if (base?.kind === 'register') return frame.register(base.number);
    return base?.kind === 'memory' ? base.address : undefined;
  }

  cfa(): bigint | undefined {
    return this.place.frame.cfa;
  }

  objectAddress(): bigint | undefined {
    return this.place.object;
  }

  threadLocal(offset: bigint): bigint | undefined {
    const { frame, meaning } = this.place;
    return threadLocalAddress(frame, meaning.threadLocals().offsetMeant(offset));
  }

  baseType(offset: number): ValueType | undefined {
    const type = this.die.at(offset, 'unit');
    if (type?.tag !== TAG.baseType) return undefined;
    const byteSize = Number(type.constant(AT.byteSize) ?? 0n);
    if (byteSize < 1 || byteSize > 32) return undefined;
    const encoding = type.constant(AT.encoding);
    // DW_ATE_float, DW_ATE_signed, DW_ATE_signed_char
    const kind = encoding === 4n ? 'float' : encoding === 5n || encoding === 6n ? 'signed' : 'unsigned';
    return { kind, byteSize };
  }

  procedure(offset: number, from: 'unit' | 'section'): Uint8Array | undefined {
    const die = this.die.at(offset, from);
    return die && expressionOf(die, AT.location, this.place);
  }

  entryValue(what: Exclude<Passed, { parameter: Die }>): bigint | undefined {
    return this.place.meaning.valueAtEntry(what, this.deeper());
  }

  parameterValue(offset: number): bigint | undefined {
    const parameter = this.die.at(offset, 'unit');
    return parameter && this.place.meaning.valueAtEntry({ parameter }, this.deeper());
  }

  variable(offset: number): ReturnType<ExpressionScope['variable']> {
    const die = this.die.at(offset, 'section');
    return die && this.place.meaning.variableAt(die);
  }

  variableValue(offset: number): bigint | undefined {
    const die = this.die.at(offset, 'section');
    return die && valueOfVariable(die, this.deeper());
  }

  private deeper(): Place {
    return { ...this.place, depth: this.place.depth + 1 };
  }
}

/** The value of an integer variable, as its type reads it. */
const valueOfVariable = (die: Die, place: Place): bigint | undefined => {
  const found = die.find(AT.constValue);
  if (found?.value.kind === 'constant') return found.value.value;
  const location = locateAttribute(die, AT.location, place);
  const type = numberType(place.meaning.typeOf(die));
  const size = type?.byteSize ?? 8;
  if (location === undefined || size > 8 || size < 1) return undefined;
  const bits = bitsAt(location, size, place.frame);
  if (bits === undefined) return undefined;
  return type?.encoding === 'signed' ? BigInt.asIntN(size * 8, bits) : BigInt.asUintN(size * 8, bits);
};

const bitsAt = (location: Location, size: number, frame: FrameContext): bigint | undefined => {
  switch (location.kind) {
    case 'memory':
      return readNumber(frame, location.address, size);
    case 'register':
      return frame.register(location.number);
    case 'value':
      return location.bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
    default:
      return undefined;
  }
};
