/** Our values beside GDB's, and every difference with where it is. */
import { basename } from 'node:path';
import { Value } from '../../src/inspect/value';
import type { Variable } from '../../src/symbols/variables';
import type { JudgedFrame, JudgedStop, JudgedVariable, Tree } from './judge';
import { treeOf, type OurFrame } from './ours';

export interface Difference {
  readonly build: string;
  readonly kind: 'frames' | 'name' | 'line' | 'missing' | 'repeated' | 'extra' | 'value';
  readonly pc: bigint;
  /** Of the physical or inlined frame, from the innermost on. */
  readonly frame: number;
  readonly function: string;
  /** A variable, with members and elements: `whole.corners[1].x`. */
  readonly path: string;
  readonly gdb: string;
  readonly ours: string;
  /** Ours is what GDB says of this variable somewhere in the program without optimisation. */
  readonly isKnown: boolean;
  /** Ours is what GDB says of it at the same stop of the program with this code whose debug information is not split. */
  readonly isOfTwin: boolean;
  readonly isInlined: boolean;
  /** The program without optimisation has stops at this line of the function, and at none of them this variable. */
  readonly isOutOfScope: boolean;
}

export interface Counts {
  stops: number;
  frames: number;
  variables: number;
  /** Numbers, of all the variables. */
  values: number;
  tailFrames: number;
}

interface Where extends Pick<Difference, 'build' | 'pc' | 'frame' | 'function'> {
  readonly line?: number;
  readonly isInlined?: boolean;
  /** Paths of values and what the twin's are. */
  readonly twin?: ReadonlySet<string>;
}

/** What GDB told of variables in a program that was not optimised: there it knows all of them everywhere. */
export class Truth {
  private readonly known = new Set<string>();
  /** Functions and lines; then with variables, too. */
  private readonly lines = new Set<string>();

  constructor(stops: readonly JudgedStop[]) {
    for (const { frames } of stops) {
      for (const { name, line, blocks } of frames) {
        const of = lastName(bareName(name));
        this.lines.add(`${of} ${line}`);
        for (const variable of blocks.flatMap(({ variables }) => variables)) {
          this.lines.add(`${of} ${line} ${variable.name}`);
          this.add(of, variable.name, variable.tree);
        }
      }
    }
  }

  has(name: string, path: string, value: string): boolean {
    return this.known.has(`${lastName(bareName(name))} ${path} ${value}`);
  }

  /** False where nothing is known of the line. */
  isOutOfScope(name: string, line: number, variable: string): boolean {
    const place = `${lastName(bareName(name))} ${line}`;
    return this.lines.has(place) && !this.lines.has(`${place} ${variable}`);
  }

  private add(name: string, path: string, tree: Tree): void {
    if (typeof tree === 'string') this.known.add(`${name} ${path} ${tree}`);
    else if ('struct' in tree) {
      for (const [member, value] of tree.struct) this.add(name, `${path}.${member}`, value);
    } else if ('array' in tree) {
      tree.array[1].forEach((value, index) => {
        this.add(name, `${path}[${index}]`, value);
      });
    }
  }
}

export class Comparison {
  readonly differences: Difference[] = [];
  readonly counts: Counts = { stops: 0, frames: 0, variables: 0, values: 0, tailFrames: 0 };

  constructor(
    readonly build: string,
    private readonly truth: Truth,
    /** Of a program with the same code, whose debug information is not split. */
    private readonly twins?: readonly JudgedStop[],
  ) {}

  stop({ pc, frames }: JudgedStop, ours: readonly OurFrame[]): void {
    const twin = this.twins?.[this.counts.stops];
    this.counts.stops++;
    // Frames that GDB makes up for functions that are gone; they have no registers of their own.
    const judged = { pc, frames: frames.filter(({ tail }) => !tail) };
    this.counts.tailFrames += frames.length - judged.frames.length;
    // GDB shows the call while the first instruction of what was inlined is still to come.
    const hidden = judged.frames.findIndex(
      (_, index) => index < ours.length && !sameFrame(judged, ours, index),
    );
    const count = Math.max(judged.frames.length, ours.length);
    for (let index = 0; index < count; index++) {
      const theirs = judged.frames[index];
      const own = ours[index];
      const where = {
        build: this.build,
        pc: judged.pc,
        frame: index,
        function: theirs?.name ?? own?.name ?? '',
      };
      if (theirs === undefined || own === undefined || index === hidden) {
        this.note(where, 'frames', '', namesOf(judged.frames), namesOf(ours));
        return;
      }
      const told = toldIn(twin?.frames[frames.indexOf(theirs)], theirs);
      this.frame({ ...where, ...told, line: theirs.line, isInlined: theirs.inline }, theirs, own);
    }
  }

  private frame(where: Where, theirs: JudgedFrame, own: OurFrame): void {
    this.counts.frames++;
    const [name, ownName] = [bareName(theirs.name), bareName(own.name)];
    if (name !== ownName) this.note(where, 'name', '', name, ownName);
    const line = `${theirs.file ?? ''}:${theirs.line}`;
    const ownLine = `${basename(own.file ?? '')}:${own.line}`;
    if (line !== ownLine) this.note(where, 'line', '', line, ownLine);
    const theirVariables = theirs.blocks.flatMap((block) => sorted(block.variables));
    const ownVariables = own.blocks.flatMap((block) => sorted(block));
    this.variables(where, theirVariables, ownVariables, own.context);
  }

  /** Those of one name pair up in their order, the innermost block's first. */
  variables(
    where: Where,
    theirs: readonly JudgedVariable[],
    own: readonly Variable[],
    context: OurFrame['context'],
  ): void {
    const left = own.map((variable) => ({
      name: variable.name,
      tree: treeOf(Value.of(variable, context)),
    }));
    theirs.forEach((variable, index) => {
      const isNamed = ({ name }: { readonly name: string }): boolean => name === variable.name;
      const at = left.findIndex(isNamed);
      const found = left[at];
      // Of more than we have one that is gone is the odd one, if ours is not.
      const isOdd =
        isGone(variable.tree) &&
        found !== undefined &&
        !isGone(found.tree) &&
        theirs.slice(index).filter(isNamed).length > left.filter(isNamed).length;
      if (found === undefined || isOdd) {
        const kind = isGone(variable.tree) && own.some(isNamed) ? 'repeated' : 'missing';
        this.note(where, kind, variable.name, isGone(variable.tree) ? GONE : textOf(variable.tree), '');
        return;
      }
      left.splice(at, 1);
      this.counts.variables++;
      this.tree(where, variable.name, variable.tree, found.tree);
    });
    for (const { name } of left) this.note(where, 'extra', name, '', 'a variable');
  }

  private tree(where: Where, path: string, gdb: Tree, ours: Tree): void {
    if (typeof gdb === 'object' && typeof ours === 'object') {
      if ('struct' in gdb && 'struct' in ours && gdb.struct.length === ours.struct.length) {
        gdb.struct.forEach(([name, member], index) => {
          const [ownName, own] = ours.struct[index] ?? ['', ''];
          if (name === ownName) this.tree(where, `${path}.${name}`, member, own);
          else this.note(where, 'value', path, `member ${name}`, `member ${ownName}`);
        });
        return;
      }
      if ('array' in gdb && 'array' in ours && gdb.array[0] === ours.array[0]) {
        gdb.array[1].forEach((element, index) => {
          this.tree(where, `${path}[${index}]`, element, ours.array[1][index] ?? '');
        });
        return;
      }
      if ('target' in gdb && 'target' in ours && gdb.target !== null && ours.target !== null) {
        this.tree(where, `*${path}`, gdb.target, ours.target);
        return;
      }
    }
    if (textOf(gdb) === '<enumeration in pieces>' && typeof ours === 'object' && 'struct' in ours) {
      for (const [name, own] of ours.struct) this.tree(where, `${path}.${name}`, gdb, own);
      return;
    }
    this.counts.values++;
    if (!isSame(gdb, ours)) this.note(where, 'value', path, textOf(gdb), textOf(ours));
  }

  private note(
    { twin, line = 0, isInlined = false, ...where }: Where,
    kind: Difference['kind'],
    path: string,
    gdb: string,
    ours: string,
  ): void {
    const isKnown = kind === 'value' && this.truth.has(where.function, path, ours);
    const isOfTwin = kind === 'value' && twin?.has(`${path} ${ours}`) === true;
    const isOutOfScope = this.truth.isOutOfScope(where.function, line, path);
    this.differences.push({ ...where, kind, path, gdb, ours, isKnown, isOfTwin, isInlined, isOutOfScope });
  }
}

/** All values in the twin's frame, if it stands at the same line of the same function. */
function toldIn(twin: JudgedFrame | undefined, frame: JudgedFrame): Pick<Where, 'twin'> {
  if (twin?.name !== frame.name || twin.line !== frame.line || twin.inline !== frame.inline) return {};
  const told = new Set<string>();
  const visit = (path: string, tree: Tree): void => {
    // Where a location ends before the value does GDB makes a pointer of the rest.
    told.add(
      `${path} ${textOf(tree).replaceAll('{"error":"synthetic pointer"}', '{"gone":"optimized out"}')}`,
    );
    if (typeof tree === 'string') return;
    if ('struct' in tree) for (const [name, member] of tree.struct) visit(`${path}.${name}`, member);
    else if ('array' in tree) tree.array[1].forEach((element, index) => visit(`${path}[${index}]`, element));
    else if ('target' in tree && tree.target !== null) visit(`*${path}`, tree.target);
  };
  for (const { name, tree } of twin.blocks.flatMap(({ variables }) => variables)) visit(name, tree);
  return { twin: told };
}

function sameFrame(judged: Pick<JudgedStop, 'frames'>, ours: readonly OurFrame[], index: number): boolean {
  const [theirs, own] = [judged.frames[index], ours[index]];
  if (theirs === undefined || own === undefined) return false;
  const [name, ownName] = [lastName(bareName(theirs.name)), lastName(bareName(own.name))];
  const isSame = name === ownName || (name.startsWith('_Z') && name.includes(ownName));
  return theirs.pc === own.pc && theirs.inline === own.inline && isSame;
}

/** GDB writes the hash behind the names of Rust's functions that it knows by their symbol. */
const withoutHash = (name: string): string => name.replace(/::h[0-9a-f]{1,16}$/, '');

/** GDB writes parameters behind the names of C++'s functions, and base types its own way. */
function bareName(name: string | null): string {
  let text = withoutHash(name ?? '')
    .replace(/ const$/, '')
    .replace(/\blong int\b/g, 'long');
  if (text.endsWith(')') && !text.endsWith('operator()')) {
    let depth = 0;
    let at = text.length;
    do {
      at--;
      if (text[at] === ')') depth++;
      if (text[at] === '(') depth--;
    } while (depth > 0 && at > 0);
    text = text.slice(0, at);
  }
  return text;
}

const lastName = (name: string): string => name.replace(/<.*>/, '').split('::').at(-1) ?? '';

const namesOf = (frames: readonly (JudgedFrame | OurFrame)[]): string =>
  frames
    .map(({ pc, name, inline, line }) => `${bareName(name)}${inline ? '*' : ''}@${pc.toString(16)}:${line}`)
    .join(' < ');

const sorted = <T extends { readonly name: string }>(variables: readonly T[]): T[] =>
  [...variables].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

/** Values at a function's entry that the caller did not keep: GDB calls them optimised out too. */
const NOT_KEPT = /^the (value at the entry of the function|caller's argument) is not known in this frame/;
const MISTYPED = /^Incompatible types on DWARF stack|operands that do not fit \(types differ\)/;
const UNREADABLE = /^(Cannot access memory at address|memory at) (0x[0-9a-f]+)/;

const GONE = '<optimized out>';

/** What is not there reads the same whatever the words. */
function textOf(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  if ('gone' in tree) return GONE;
  if ('error' in tree) {
    if (NOT_KEPT.test(tree.error)) return GONE;
    if (UNREADABLE.test(tree.error)) return '<unreadable>';
    return MISTYPED.test(tree.error) ? '<mistyped>' : `<${tree.error}>`;
  }
  return JSON.stringify(tree);
}

/** What GDB says of arrays and structs that it cannot read as a whole, if it is true of a part of ours. */
function isSame(gdb: Tree, ours: Tree): boolean {
  const text = textOf(gdb);
  if (text === textOf(ours)) return true;
  if (!text.startsWith('<') || typeof ours === 'string') return false;
  const parts = partsOf(ours);
  if (text === GONE) return parts.length > 0 && parts.every((part) => isSame(gdb, part));
  return parts.some((part) => isSame(gdb, part));
}

function isGone(tree: Tree): boolean {
  if (typeof tree === 'string') return false;
  return 'gone' in tree || (partsOf(tree).length > 0 && partsOf(tree).every(isGone));
}

function partsOf(tree: Exclude<Tree, string>): readonly Tree[] {
  if ('struct' in tree) return tree.struct.map(([, member]) => member);
  return 'array' in tree ? tree.array[1] : [];
}
