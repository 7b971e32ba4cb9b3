/** What an assignment writes: numbers converted as C does (C11, 6.5.16), structs and arrays byte by byte. */
import { userError } from '../base/errors';
import type { FrameContext } from '../symbols/variables';
import { dereferenced } from './children';
import { combine, operandOf, type Operand } from './expression-arithmetic';
import { missing, noNumber } from './expression-errors';
import type { AssignmentOperator, Expression } from './expression-syntax';
import { typeText } from './type-names';
import { isMissing, type Value, type Write } from './value';

interface Reader {
  value(expression: Expression): Value;
  /** The operand, whose name may be one of the enumerators of the other value. */
  operandBeside(expression: Expression, other: Value): Operand;
}

interface Assignment {
  readonly target: Value;
  readonly operator: AssignmentOperator;
  readonly from: Expression;
}

/** What has to be written so that a place has the value of an expression. Throws EXPR_NOT_ASSIGNABLE, EXPR_NOT_NUMBER. */
export function assignment(
  reader: Reader,
  { target, operator, from }: Assignment,
  frame: FrameContext,
): Write[] {
  const place = dereferenced(target);
  const { plain: type } = place;
  if (from.kind === 'string') throw noText();
  if (type.kind === 'struct' || type.kind === 'array') return copy(reader, place, operator, from);
  const given = reader.operandBeside(from, place);
  if (operator === '') return place.writes(given.number);
  return place.writes(combine(operator, operandOf(place), given, frame).number);
}

function copy(reader: Reader, place: Value, operator: AssignmentOperator, from: Expression): Write[] {
  const value = dereferenced(reader.value(from));
  const isSame = typeText(value.plain) === typeText(place.plain) && value.byteSize === place.byteSize;
  if (operator !== '' || !isSame || place.address === undefined) throw noNumber(typeText(place.type));
  const found = value.bytes();
  if (isMissing(found)) throw missing(value, found);
  return [{ kind: 'memory', address: place.address, bytes: found.bytes }];
}

const noText = (): Error =>
  userError(
    'EXPR_NOT_ASSIGNABLE',
    'text cannot be assigned: it would need memory of the guest; set the characters one by one, or the pointer',
  );
