/** Variables, parameters and constants (DWARF 5, 4.1): what they are called, what they are, and where. */
import { lazily } from '../lazily';
import { byteSizeOf } from '../type-size';
import { NOWHERE, type Location, type Variable } from '../variables';
import { AT, TAG } from './constants';
import type { Die, Found } from './die';
import { constantOf } from './forms';
import { locateAttribute, placeIn, threadLocalAddress } from './location';
import { languageOfUnit } from './languages';
import type { Meaning, Place } from './meaning';

export const makeVariable = (
  die: Die,
  name: string,
  meaning: Meaning,
  /** Not declared in a function. */
  isGlobal = false,
): Variable => {
  const type = lazily(() => meaning.typeOf(die));
  const declaration = lazily(() => meaning.attempt(() => declarationOf(die, meaning)));
  return {
    name,
    isParameter: die.tag === TAG.formalParameter,
    isArtificial: isArtificial(die, meaning),
    get type() {
      return type();
    },
    get declaration() {
      return declaration();
    },
    locate: (frame) => {
      const place = placeIn(frame, meaning);
      const found = meaning.attempt(() => {
        // clang gives the declaration of an inline static member what it begins as for its value, also if it may change.
        const own = die.has(AT.constValue) ? undefined : locateAttribute(die, AT.location, place);
        if (own !== undefined) return isGlobal && isDropped(die, own, meaning) ? GONE : own;
        const constant = die.find(AT.constValue);
        if (constant !== undefined) return constantLocation(constant, byteSizeOf(type()));
        return (
          threadLocalLocation(die, place, isGlobal) ??
          locateElsewhere(die, meaning, (definition) => locateAttribute(definition, AT.location, place))
        );
      });
      return found ?? { kind: 'unavailable', reason: 'its description is damaged' };
    },
  };
};

const isArtificial = (die: Die, meaning: Meaning): boolean =>
  meaning.attempt(() => constantOf(die.find(AT.artificial)?.value) === 1n) ?? false;

const declarationOf = (die: Die, meaning: Meaning): Variable['declaration'] => {
  const line = die.find(AT.declLine);
  const number = Number(constantOf(line?.value) ?? 0n);
  const file = die.find(AT.declFile);
  if (file === undefined || number === 0) return undefined;
  const path = meaning.info.infoOf(file.die.unit).path(Number(constantOf(file.value) ?? 0n));
  return path === '' ? undefined : { file: path, line: number };
};

/** DWARF 5, 4.1.10: the value itself, as a number or as the bytes that the variable would have. */
const constantLocation = ({ die, value }: Found, byteSize: number | undefined): Location => {
  switch (value.kind) {
    case 'constant':
      return { kind: 'value', bytes: numberBytes(value.value, byteSize ?? 8) };
    case 'block':
      return { kind: 'value', bytes: value.bytes };
    case 'address':
    case 'addressIndex':
      return { kind: 'value', bytes: numberBytes(die.unit.address(value) ?? 0n, byteSize ?? 8) };
    default: {
      const text = die.unit.text(value);
      if (text === undefined) return { kind: 'unavailable', reason: 'its value is of an unknown form' };
      return { kind: 'value', bytes: new TextEncoder().encode(`${text}\0`) };
    }
  }
};

const MAX_NUMBER_BYTES = 64;

const numberBytes = (value: bigint, byteSize: number): Uint8Array => {
  const bytes = new Uint8Array(Math.min(byteSize, MAX_NUMBER_BYTES));
  for (let i = 0, rest = value; i < bytes.length; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
};

/**
 * Compilers for bare metal give thread-local variables no location at all: the linker knows of those that it has in its table
 * by name how far from tp they lie. Those within functions have names there that only the compiler knows.
 */
const threadLocalLocation = (die: Die, place: Place, isGlobal: boolean): Location | undefined => {
  const isShared = die.find(AT.external) !== undefined;
  if (!isShared && !isGlobal) return undefined;
  const linkage = die.find(AT.linkageName) ?? die.find(AT.mipsLinkageName);
  const name = linkage === undefined ? die.anyName : die.unit.text(linkage.value);
  const file = isShared ? undefined : fileOf(die);
  const offset = name === undefined ? undefined : place.meaning.threadLocals().offsetOf(name, file);
  const address = offset === undefined ? undefined : threadLocalAddress(place.frame, offset);
  return address === undefined ? undefined : { kind: 'memory', address };
};

/** As symbol tables have it, without folders. */
const fileOf = ({ unit }: Die): string => unit.name.replace(/^.*\//u, '');

/** What has no location here: declared only, and defined elsewhere; or optimised away. */
const locateElsewhere = (
  die: Die,
  meaning: Meaning,
  locate: (definition: Die) => Location | undefined,
): Location => {
  const isDeclaration = die.find(AT.declaration) !== undefined && !isCompleted(die);
  if (!isDeclaration) {
    // A definition may give its place in the entry that it completes (clang's static members).
    const inherited = die.origin?.find(AT.location);
    return (inherited && locate(inherited.die)) ?? { kind: 'optimizedOut' };
  }
  const linkage = die.find(AT.linkageName) ?? die.find(AT.mipsLinkageName);
  const linked = linkage && die.unit.text(linkage.value);
  const known = linked ?? (languageOfUnit(die.unit) === 'c' ? die.anyName : undefined);
  // The linker has one thing of that name: where it is said to be defined need not be looked for in all units.
  const shared = known === undefined ? undefined : meaning.sharedSymbolAddress(known);
  if (shared !== undefined) return { kind: 'memory', address: shared };
  const definition = meaning.definitionOf(die);
  if (definition !== undefined) {
    const constant = definition.find(AT.constValue);
    if (constant !== undefined) return constantLocation(constant, byteSizeOf(meaning.typeOf(die)));
    const found = locate(definition);
    if (found !== undefined) return found;
  }
  const symbol = linked ?? die.anyName;
  const address = symbol === undefined ? undefined : meaning.symbolAddress(symbol);
  return address === undefined ? { kind: 'optimizedOut' } : { kind: 'memory', address };
};

/** The out-of-class definition of a static member completes a declaration, and is none. */
const isCompleted = (die: Die): boolean => !die.flag(AT.declaration) && die.has(AT.specification);

const symbolAddressOf = (die: Die, meaning: Meaning): bigint | undefined => {
  const linkage = die.find(AT.linkageName) ?? die.find(AT.mipsLinkageName);
  const symbol = (linkage && die.unit.text(linkage.value)) ?? die.anyName;
  return symbol === undefined ? undefined : meaning.symbolAddress(symbol);
};

const GONE: Location = { kind: 'optimizedOut' };

/** What the linker left out (--gc-sections) keeps its description, at address 0 of the file, and loses its symbol. */
const isDropped = (die: Die, location: Location, meaning: Meaning): boolean =>
  location.kind === 'memory' &&
  meaning.inFile(location.address) === 0n &&
  symbolAddressOf(die, meaning) === undefined;

/** Whether the linker left a variable with static storage out. */
export const isLeftOut = (die: Die, meaning: Meaning): boolean => {
  const location = meaning.attempt(() => locateAttribute(die, AT.location, placeIn(NOWHERE, meaning)));
  return location !== undefined && isDropped(die, location, meaning);
};
