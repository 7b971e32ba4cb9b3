/**
 * Values at the entry of a function, from what its caller passed (DWARF 5, 2.5.1.7 and 3.4): the call site in the caller
 * says how to compute, there, what it put into registers. Only a call that is known to have gone to this function
 * counts, as for GDB: behind a tail call, the registers were set by somebody else.
 */
import type { FrameContext } from '../variables';
import { AT, TAG } from './constants';
import { MAX_DEPTH, type Die } from './die';
import { evaluateDwarfExpression } from './expression';
import { contextOf, locateAttribute } from './location';
import type { Meaning, Passed, Place } from './meaning';
import { registerIn } from './operands';

/** What the caller passed to the function that the frame executes. */
export const passedValue = (what: Passed, place: Place): bigint | undefined => {
  const { frame, meaning } = place;
  const caller = frame.caller();
  const site = caller && callSiteAt(caller, meaning);
  if (caller === undefined || site === undefined || !wentTo(site, frame, { ...place, frame: caller }))
    return undefined;
  for (const child of site.children()) {
    const isParameter = child.tag === TAG.callSiteParameter || child.tag === TAG.gnuCallSiteParameter;
    if (!isParameter || !isMeant(child, what)) continue;
    const value = child.attribute(AT.callValue) ?? child.attribute(AT.gnuCallSiteValue);
    if (value?.kind === 'constant') return value.value;
    if (value?.kind !== 'block' || value.bytes.length === 0) return undefined;
    return evaluateDwarfExpression(value.bytes, contextOf(child, { ...place, frame: caller }), []);
  }
  return undefined;
};

const isMeant = (parameter: Die, what: Passed): boolean => {
  if ('parameter' in what) {
    const named = parameter.reference(parameter.has(AT.callParameter) ? AT.callParameter : AT.abstractOrigin);
    return named?.key === what.parameter.key;
  }
  const location = parameter.attribute(AT.location);
  if (location?.kind !== 'block') return false;
  return 'register' in what
    ? registerIn(location.bytes) === what.register
    : equalBytes(location.bytes, what.at);
};

/** A call and its return address: at most two instructions (auipc and jalr) lie between. */
const MAX_CALL_BYTES = 8n;

/** The call that the caller's frame is in. */
const callSiteAt = (caller: FrameContext, meaning: Meaning): Die | undefined => {
  const pc = meaning.inFile(caller.pc);
  const body = meaning.bodyAt(pc);
  let best: { site: Die; back: bigint } | undefined;
  for (const site of body === undefined ? [] : callSitesIn(body, 0)) {
    const back = site.unit.address(site.attribute(AT.callReturnPc) ?? site.attribute(AT.lowPc));
    if (back === undefined || back <= pc || back > pc + MAX_CALL_BYTES) continue;
    if (best === undefined || back < best.back) best = { site, back };
  }
  return best?.site;
};

const SCOPES: ReadonlySet<number> = new Set([
  TAG.lexicalBlock,
  TAG.inlinedSubroutine,
  TAG.tryBlock,
  TAG.catchBlock,
]);

function* callSitesIn(die: Die, depth: number): Generator<Die> {
  if (depth > MAX_DEPTH) return;
  for (const child of die.children()) {
    if (child.tag === TAG.callSite || child.tag === TAG.gnuCallSite) yield child;
    else if (SCOPES.has(child.tag)) yield* callSitesIn(child, depth + 1);
  }
}

/** Whether the call is known to have gone to the function that `callee` executes. */
const wentTo = (site: Die, callee: FrameContext, place: Place): boolean => {
  const { meaning } = place;
  const body = meaning.bodyAt(meaning.inFile(callee.pc));
  if (body === undefined || site.flag(AT.callTailCall) || site.flag(AT.gnuTailCall)) return false;
  const entry = body.unit.rangesOf(body.entry)[0]?.start;
  const origin = site.reference(site.has(AT.callOrigin) ? AT.callOrigin : AT.abstractOrigin);
  if (origin !== undefined) {
    const aim = originKeys(origin);
    if (originKeys(body).some((key) => aim.includes(key))) return true;
    // A declaration in another unit: the name decides.
    const name = origin.find(AT.linkageName) ?? origin.find(AT.name);
    const own = body.find(AT.linkageName) ?? body.find(AT.name);
    const text = name?.die.unit.text(name.value);
    return text !== undefined && text === own?.die.unit.text(own.value);
  }
  const target = locateAttribute(site, site.has(AT.callTarget) ? AT.callTarget : AT.gnuCallSiteTarget, place);
  // The expression computes the address that is called.
  return target?.kind === 'memory' && entry !== undefined && meaning.inFile(target.address) === entry;
};

const originKeys = (die: Die): string[] => [...die.origins()].map((origin) => origin.key);

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
