/** Types as their language writes them: `unsigned int (*)[4]`, `struct task *`, `&str`. */
import type { FunctionType, PointerType, Type } from '../symbols/types';
import { countOf } from './type-layout';

const DEPTH_MAX = 32;

export const typeText = (type: Type): string => declare(type, '', 0);

/** C's declarators are read from the inside out: `inner` is what stands where a variable's name would. */
function declare(type: Type, inner: string, depth: number): string {
  if (depth > DEPTH_MAX) return spaced('...', inner);
  const next = depth + 1;
  switch (type.kind) {
    case 'pointer':
      return pointer(type, inner, next);
    case 'memberPointer':
      return declare(type.target, `${typeText(type.container)}::*${inner}`, next);
    case 'array': {
      const sizes = type.dimensions.map((one) => `[${countOf(one) ?? (one.count === undefined ? '' : 'n')}]`);
      if (type.language === 'rust') return rustArray(type.element, sizes, inner, next);
      return declare(type.element, `${inner}${sizes.join('')}`, next);
    }
    case 'function':
      return declare(type.returns, `${inner}(${parameters(type, next)})`, next);
    case 'qualified':
      return qualified(type, inner, next);
    case 'struct':
    case 'enum':
      return spaced(tagged(type), inner);
    default:
      return spaced(type.name, inner);
  }
}

const spaced = (name: string, inner: string): string => (inner === '' ? name : `${name} ${inner}`);

function tagged(type: Extract<Type, { kind: 'struct' | 'enum' }>): string {
  const keyword = type.kind === 'enum' ? 'enum' : type.keyword;
  if (type.name === undefined) return `${keyword} {...}`;
  return type.language === 'c' ? `${keyword} ${type.name}` : type.name;
}

function pointer(type: PointerType, inner: string, depth: number): string {
  if (type.name !== undefined && type.name !== '') return spaced(type.name, inner);
  const mark = type.flavour === 'pointer' ? '*' : type.flavour === 'reference' ? '&' : '&&';
  const { kind } = unqualified(type.target);
  const whole = `${mark}${inner}`;
  return declare(type.target, kind === 'array' || kind === 'function' ? `(${whole})` : whole, depth);
}

function unqualified(type: Type): Type {
  let at = type;
  for (let hops = 0; hops < DEPTH_MAX && at.kind === 'qualified'; hops++) at = at.target;
  return at;
}

function parameters(type: FunctionType, depth: number): string {
  const texts = type.parameters.map((one) => declare(one.type, '', depth));
  if (type.isVariadic) texts.push('...');
  return texts.length === 0 ? 'void' : texts.join(', ');
}

function qualified(type: Extract<Type, { kind: 'qualified' }>, inner: string, depth: number): string {
  const { target } = type;
  const word = type.qualifier === 'atomic' ? '_Atomic' : type.qualifier;
  if (target.kind === 'pointer') return declare(target, ` ${spaced(word, inner)}`, depth);
  // What is said of an array is said of its elements (C11, 6.7.3), whose type often says it, too.
  const repeats = target.kind === 'array' ? target.element : target;
  const isSaid = repeats.kind === 'qualified' && repeats.qualifier === type.qualifier;
  const text = declare(target, inner, depth);
  return isSaid ? text : `${word} ${text}`;
}

function rustArray(element: Type, sizes: readonly string[], inner: string, depth: number): string {
  const text = sizes.reduceRight(
    (within, size) => `[${within}; ${size.slice(1, -1)}]`,
    declare(element, '', depth),
  );
  return spaced(text, inner);
}
