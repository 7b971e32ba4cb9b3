/**
 * Lexical blocks of a function that hold an address, with their variables (DWARF 5, 3.3 to 3.5 and 4.1). An instance of an
 * inlined function, or one out of line, tells of what is left; what its abstract instance has besides was optimised away,
 * and is shown as that in the place where the source has it.
 */
import type { Block, Variable } from '../variables';
import { AT, TAG } from './constants';
import { MAX_DEPTH, type Die } from './die';
import type { Meaning } from './meaning';

/** More in one block are damage. */
const MAX_VARIABLES = 20_000;

const VARIABLES: ReadonlySet<number> = new Set([TAG.variable, TAG.formalParameter, TAG.constant]);
const BLOCKS: ReadonlySet<number> = new Set([TAG.lexicalBlock, TAG.tryBlock, TAG.catchBlock, TAG.withStmt]);

/** Blocks of the function (or inlined instance) that hold an address of the file, the innermost first. */
export const blocksOf = (body: Die, address: bigint, meaning: Meaning): Block[] => {
  const completed = completedIn(body);
  return levelsAt(body, address)
    .map(({ die, own }) => ({ variables: variablesOf(die, own, completed, meaning) }))
    .reverse();
};

/** Enumerations that are declared in the blocks that hold an address of the file, the innermost block's first. */
export const enumerationsIn = (body: Die, address: bigint): Die[] => {
  const found = levelsAt(body, address).map(({ die }) => {
    const abstract = die.has(AT.abstractOrigin) ? abstractOf(die) : undefined;
    return [die, ...(abstract ? [abstract] : [])].flatMap(enumerationsOf);
  });
  return found.reverse().flat();
};

const enumerationsOf = (block: Die): Die[] => {
  const found: Die[] = [];
  for (const child of block.children()) {
    if (child.tag === TAG.enumerationType && found.length < MAX_VARIABLES) found.push(child);
  }
  return found;
};

interface Level {
  readonly die: Die;
  readonly own: Die[];
  /** The blocks within that hold the address. */
  readonly inner: Die[];
}

/**
 * The function and its blocks that hold the address, the outermost first. Link-time optimisation lays blocks beside the
 * one that the source has around them: of two that hold the address the later is taken for the inner one.
 */
const levelsAt = (body: Die, address: bigint): readonly Level[] => {
  const levels: Level[] = [];
  const visit = (die: Die): void => {
    if (levels.length >= MAX_DEPTH) return;
    const level: Level = { die, own: [], inner: [] };
    levels.push(level);
    readLevel(die, address, level, 0);
    level.inner.forEach(visit);
  };
  visit(body);
  return levels;
};

const readLevel = (die: Die, address: bigint, level: Level, depth: number): void => {
  for (const child of die.children()) {
    if (VARIABLES.has(child.tag)) {
      if (level.own.length < MAX_VARIABLES) level.own.push(child);
      continue;
    }
    if (!BLOCKS.has(child.tag)) continue;
    if (hasCode(child)) {
      if (level.inner.length >= MAX_DEPTH) continue;
      if (child.unit.rangesOf(child.entry).some(({ start, end }) => address >= start && address < end))
        level.inner.push(child);
    } else if (depth < MAX_DEPTH) {
      // A block without code of its own stands for its variables only.
      readLevel(child, address, level, depth + 1);
    }
  }
};

const hasCode = (die: Die): boolean => die.has(AT.lowPc) || die.has(AT.ranges);

/** Abstract variables and blocks that the instance has concrete ones of, anywhere within. */
const completedIn = (body: Die): ReadonlySet<string> => {
  const completed = new Set<string>();
  if (!body.has(AT.abstractOrigin)) return completed;
  const visit = (die: Die, depth: number): void => {
    for (const child of die.children()) {
      if (!VARIABLES.has(child.tag) && !BLOCKS.has(child.tag)) continue;
      for (const origin of child.origins()) if (origin !== child) completed.add(origin.key);
      if (BLOCKS.has(child.tag) && depth < MAX_DEPTH) visit(child, depth + 1);
    }
  };
  visit(body, 0);
  return completed;
};

/** In the order of the source: that of the abstract instance, where there is one. */
const variablesOf = (
  block: Die,
  own: readonly Die[],
  completed: ReadonlySet<string>,
  meaning: Meaning,
): Variable[] => {
  const abstract = block.has(AT.abstractOrigin) ? abstractOf(block) : undefined;
  if (abstract === undefined) return own.flatMap((die) => variableOf(die, meaning));
  // GCC describes a parameter twice that it replaced by a constant in a clone: both are shown.
  const byOrigin = new Map<string, Die[]>();
  for (const die of own) {
    // Link-time optimisation completes a constructor's parameter that completes that of all its variants.
    for (const { key } of die.origins()) byOrigin.set(key, [...(byOrigin.get(key) ?? []), die]);
  }
  const ordered = new Set<Die>();
  const visit = (die: Die, depth: number): void => {
    for (const child of die.children()) {
      // What completes a constructor's parameter may leave out that of its variant, which completes the same.
      const keys = [...child.origins()].map(({ key }) => key);
      const concrete = keys.map((key) => byOrigin.get(key)).find((found) => found !== undefined);
      if (concrete !== undefined) {
        for (const one of concrete) ordered.add(one);
      } else if (keys.some((key) => completed.has(key))) {
        continue;
      } else if (VARIABLES.has(child.tag)) {
        if (ordered.size < MAX_VARIABLES) ordered.add(child);
      } else if (BLOCKS.has(child.tag) && depth < MAX_DEPTH) {
        visit(child, depth + 1);
      }
    }
  };
  visit(abstract, 0);
  return [...new Set([...ordered, ...own])].flatMap((die) => variableOf(die, meaning));
};

/**
 * The nearest abstract instance: an inlined one may complete an out-of-line one that completes it in turn. It may complete
 * another: of a constructor there is one for all its variants, with parameters that some of them do not have.
 */
const abstractOf = (die: Die): Die | undefined => {
  let found: Die | undefined;
  for (const origin of die.origins()) {
    if (origin !== die) found = origin;
    if (found !== undefined && (!hasCode(origin) || !origin.has(AT.abstractOrigin))) break;
  }
  return found;
};

/** Nothing for what has no name. */
const variableOf = (die: Die, meaning: Meaning): Variable[] =>
  die.anyName === undefined ? [] : [meaning.variableAt(die)];
