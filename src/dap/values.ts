/**
 * Values as clients see them: a line, a type, and references to what is within. References are good until the guest moves;
 * a change by the debugger leaves them, because clients ask the same ones again after setVariable. Children are read when
 * they are asked for, and big arrays in pages: by the client's `start` and `count`, else in chunks of our own.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { userError } from '../base/errors';
import { elements, namedChildren, shapeOf, type Child } from '../inspect/children';
import { typeText } from '../inspect/type-names';
import type { Value } from '../inspect/value';
import { valueText, type FormatLetter, type TextOptions } from '../inspect/value-text';
import type { CsrRow } from '../isa/types';
import type { Variable } from '../symbols/variables';
import { Changes } from './changes';
import type { SessionContext } from './context';
import { staleReference } from './errors';
import { memoryOf, type Scope } from './expressions';
import type { RegisterGroup } from './registers';
import type { FrameRef } from './stackframes';
import { hexAddress, symbolicName } from './symbol-lookup';

/** How values are written: the client's wish for hexadecimal, or a letter behind the expression. */
export interface Style {
  readonly format?: FormatLetter | undefined;
}

/** A value, and what it takes to show and to change it. */
export interface Shown {
  readonly name: string;
  readonly value: Value;
  readonly scope: Scope;
  /** An expression that gives it again in the same frame; undefined: there is none. */
  readonly expression: string | undefined;
  readonly kind?: Child['kind'] | 'variable';
  readonly isArtificial?: boolean;
  readonly variable?: Variable;
  /** The letter that its children inherit. */
  readonly format?: FormatLetter | undefined;
}

/** What a variablesReference stands for. */
export type Container =
  | (FrameRef & { readonly kind: 'registers'; readonly group: RegisterGroup; readonly csr?: CsrRow })
  | (FrameRef & { readonly kind: 'variables'; readonly which: 'locals' | 'statics' })
  | { readonly kind: 'value'; readonly shown: Shown; readonly chunk?: Page };

export interface Page {
  readonly start: number;
  readonly count: number;
}

/** Where a declaration or a function is, for the `locations` request. */
export type CodeLocation =
  { readonly file: string; readonly line: number } | { readonly address: bigint; readonly scope: Scope };

/** Elements in one chunk, for clients that do not page. */
const CHUNK = 100;
/** Children in one answer to a client that asks for all. */
const CHILDREN_MAX = 10_000;

export class Values {
  private readonly containers = new Map<number, Container>();
  private readonly locations = new Map<number, CodeLocation>();
  private nextId = 1;

  private readonly changes: Changes;

  constructor(context: SessionContext) {
    this.changes = new Changes(context);
    context.owned.add(
      context.staled.event(() => {
        if (!context.isRunning) return;
        this.containers.clear();
        this.locations.clear();
      }),
    );
  }

  idOf(container: Container): number {
    const id = this.nextId++;
    this.containers.set(id, container);
    return id;
  }

  get(id: number): Container {
    const container = this.containers.get(id);
    if (container === undefined) throw staleReference('variablesReference', id);
    return container;
  }

  location(id: number): CodeLocation {
    const location = this.locations.get(id);
    if (location === undefined) throw staleReference('locationReference', id);
    return location;
  }

  private locationId(location: CodeLocation): number {
    const id = this.nextId++;
    this.locations.set(id, location);
    return id;
  }

  /** One row of the variables view. */
  row(shown: Shown, style: Style): DebugProtocol.Variable {
    const { name, expression, kind, isArtificial, variable } = shown;
    const { result, ...rest } = this.describe(shown, style);
    const declared = variable?.declaration;
    const hint = hintOf(shown.value, kind, isArtificial === true);
    return {
      name,
      value: this.changes.mark(shown, result, style.format ?? ''),
      ...rest,
      ...(expression === undefined ? {} : { evaluateName: expression }),
      ...(declared === undefined ? {} : { declarationLocationReference: this.locationId(declared) }),
      presentationHint: hint,
    };
  }

  /** What evaluate answers for a value. */
  describe(shown: Shown, style: Style, options: TextOptions = {}): DebugProtocol.EvaluateResponse['body'] {
    const { value, scope } = shown;
    const format = style.format ?? shown.format;
    const text = valueText(value, { ...this.textOptions(scope, format), ...options });
    const shape = shapeOf(value);
    const isLeaf = shape.named === 0 && shape.indexed === 0;
    const inherits = style.format === undefined ? shown : { ...shown, format: style.format };
    const reference = memoryReferenceOf(value);
    const code = functionAddress(value);
    return {
      result: text,
      type: typeText(value.type),
      variablesReference: isLeaf ? 0 : this.idOf({ kind: 'value', shown: inherits }),
      ...(shape.named === 0 ? {} : { namedVariables: shape.named }),
      ...(shape.indexed === 0 ? {} : { indexedVariables: shape.indexed }),
      ...(reference === undefined ? {} : { memoryReference: hexAddress(reference) }),
      ...(code === undefined || scope.symbols.lineAt(code) === undefined
        ? {}
        : { valueLocationReference: this.locationId({ address: code, scope }) }),
    };
  }

  textOptions(scope: Scope, format: FormatLetter | undefined): TextOptions {
    return { format, symbolAt: (address) => nameAt(scope, address) };
  }

  /** Rows of what is within a value. Without a page, long arrays come in chunks. */
  children(
    container: Extract<Container, { kind: 'value' }>,
    filter: 'indexed' | 'named' | undefined,
    page: Page | undefined,
    style: Style,
  ): DebugProtocol.Variable[] {
    const { shown, chunk } = container;
    const { value } = shown;
    const row = (child: Child): DebugProtocol.Variable => this.row(within(shown, child), style);
    if (chunk !== undefined) return this.range(shown, chunk, style);
    const named = filter === 'indexed' ? [] : namedChildren(value);
    const { indexed } = shapeOf(value);
    if (filter === 'named' || indexed === 0) {
      const end = page === undefined ? CHILDREN_MAX : page.start + page.count;
      return named.slice(page?.start ?? 0, end).map(row);
    }
    if (page !== undefined) return elements(value, page.start, Math.min(page.count, CHILDREN_MAX)).map(row);
    return [...named.map(row), ...this.range(shown, { start: 0, count: indexed }, style)];
  }

  /** The child with the name that a client was told. */
  childNamed(container: Extract<Container, { kind: 'value' }>, name: string): Shown | undefined {
    const { shown } = container;
    const index = /^\[(-?\d+)\]$/u.exec(name);
    const found =
      index === null
        ? namedChildren(shown.value).find((child) => rowName(shown, child) === name)
        : elementNamed(shown.value, Number(index[1]));
    return found && within(shown, found);
  }

  private range(shown: Shown, { start, count }: Page, style: Style): DebugProtocol.Variable[] {
    if (count <= CHUNK) {
      return elements(shown.value, start, count).map((child) => this.row(within(shown, child), style));
    }
    // Ten thousand rows of chunks help nobody: chunks of chunks.
    let size = CHUNK;
    while (size * CHUNK < count) size *= CHUNK;
    const chunks: DebugProtocol.Variable[] = [];
    for (let at = start; at < start + count; at += size) {
      const chunk = { start: at, count: Math.min(size, start + count - at) };
      chunks.push({
        name: `[${at}..${at + chunk.count - 1}]`,
        value: '',
        variablesReference: this.idOf({ kind: 'value', shown, chunk }),
        presentationHint: { kind: 'virtual' },
      });
    }
    return chunks;
  }
}

function elementNamed(value: Value, index: number): Child | undefined {
  const [first] = elements(value, 0, 1);
  const lower = Number(/-?\d+/u.exec(first?.name ?? '')?.[0] ?? 0);
  return index < lower ? undefined : elements(value, index - lower, 1)[0];
}

/** What a pointer points to is named after it. */
const rowName = (parent: Shown, child: Child): string =>
  child.kind === 'target' ? `*${parent.expression ?? parent.name}` : child.name;

const within = (parent: Shown, child: Child): Shown => ({
  name: rowName(parent, child),
  value: child.value,
  scope: parent.scope,
  expression: accessed(parent.expression, child.access),
  kind: child.kind,
  isArtificial: child.isArtificial,
  format: parent.format,
});

/** The expression of a child; names that are no words (C++ templates) have none. */
function accessed(parent: string | undefined, access: string | undefined): string | undefined {
  if (parent === undefined || access === undefined) return undefined;
  const isSimple = /^[\w$:]+(?:(?:\.|->)\w+|\[\d+\])*$/u.test(parent);
  const whole = isSimple ? parent : `(${parent})`;
  if (access === '*') return `*${whole}`;
  return /^(?:\.|->)[\w:]+$|^\[-?\d+\]$/u.test(access) ? `${whole}${access}` : undefined;
}

/** Memory to look at: what a pointer points to, else where the value is. */
function memoryReferenceOf(value: Value): bigint | undefined {
  const type = value.plain;
  const number = type.kind === 'pointer' || value.register !== undefined ? value.number() : undefined;
  if (typeof number === 'bigint') return BigInt.asUintN(64, number);
  const place = memoryOf(value)?.address;
  if (place !== undefined || type.kind !== 'base' || type.encoding === 'float') return place;
  // Any number of a machine may be an address: let people look.
  const any = value.number();
  return typeof any === 'bigint' ? BigInt.asUintN(64, any) : undefined;
}

/** The code that a function, or a pointer to one, stands for. */
function functionAddress(value: Value): bigint | undefined {
  const type = value.plain;
  if (type.kind === 'function') return value.address;
  if (type.kind !== 'pointer' || type.target.kind !== 'function') return undefined;
  const address = value.number();
  return typeof address === 'bigint' && address !== 0n ? address : undefined;
}

/** Names for code, and for data that has a symbol of its own. */
const nameAt = (scope: Scope, address: bigint): string | undefined => symbolicName(scope.symbols, address);

function hintOf(
  value: Value,
  kind: Shown['kind'],
  isArtificial: boolean,
): DebugProtocol.VariablePresentationHint {
  const attributes: string[] = [];
  const type = value.plain;
  const isWhole = type.kind === 'struct' || type.kind === 'array' || type.kind === 'function';
  const place = value.location.kind;
  const isNowhere =
    place === 'value' || place === 'optimizedOut' || place === 'unavailable' || place === 'implicitPointer';
  if ((isWhole || isNowhere) && value.register === undefined) attributes.push('readOnly');
  if (value.type.kind === 'qualified' && value.type.qualifier === 'const') attributes.push('constant');
  const what =
    kind === 'base' ? 'baseClass' : isArtificial ? 'virtual' : kind === 'variable' ? 'data' : 'property';
  return { kind: what, ...(attributes.length === 0 ? {} : { attributes }) };
}

/** `,x` behind an expression; a number says how many elements a pointer points to. */
export function splitFormat(text: string): {
  readonly text: string;
  readonly style: Style;
  readonly count?: number;
} {
  const [, before = '', letter = ''] = /^(.*[^,\s])\s*,\s*([a-zA-Z]|\d{1,9})\s*$/su.exec(text) ?? [];
  if (before === '' || !isBalanced(before)) return { text, style: {} };
  if (/^\d/u.test(letter)) return { text: before, style: {}, count: Number(letter) };
  const format = letterOf(letter);
  if (format === undefined) {
    throw userError('EXPR_FORMAT', `",${letter}" is no format; there are x, d, u, o, b, c, s and a`);
  }
  return { text: before, style: { format } };
}

/** The comma is not one between the arguments of something. */
const isBalanced = (text: string): boolean =>
  Array.from(text).reduce(
    (open, mark) => open + ('([{'.includes(mark) ? 1 : ')]}'.includes(mark) ? -1 : 0),
    0,
  ) === 0;

/** Letters of VS (h) and of gdb (t). */
export function letterOf(letter: string): FormatLetter | undefined {
  const lower = letter.toLowerCase();
  if (lower === 'h') return 'x';
  return (['x', 'd', 'u', 'o', 'b', 't', 'c', 's', 'a'] as const).find((one) => one === lower);
}
