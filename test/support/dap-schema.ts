/**
 * The Debug Adapter Protocol as its published types have it (`@vscode/debugprotocol`): which requests there are, what their
 * arguments may be, and whether an answer or an event is valid. The types are read with the compiler, so nothing here can
 * lag behind the package.
 */
import assert from 'node:assert/strict';
import ts from 'typescript';

/** Requests that go the other way. */
const REVERSE = new Set(['runInTerminal', 'startDebugging']);
const MAX_PROBLEMS = 5;

type Random = () => number;

export class DapSchema {
  private readonly checker: ts.TypeChecker;
  private readonly declared = new Map<string, ts.Type>();

  constructor() {
    const file = require.resolve('@vscode/debugprotocol/lib/debugProtocol.d.ts');
    const program = ts.createProgram([file], {
      strict: true,
      exactOptionalPropertyTypes: true,
      lib: ['lib.es2022.d.ts'],
      types: [],
    });
    this.checker = program.getTypeChecker();
    const source = program.getSourceFile(file);
    assert(source !== undefined);
    const collect = (node: ts.Node): void => {
      if (ts.isInterfaceDeclaration(node)) {
        this.declared.set(node.name.text, this.checker.getTypeAtLocation(node));
      }
      ts.forEachChild(node, collect);
    };
    collect(source);
  }

  /** Commands that clients send. */
  get commands(): string[] {
    const names = [...this.declared.keys()].flatMap((name) => /^(\w+)Request$/u.exec(name)?.[1] ?? []);
    return names.map(decapitalized).filter((command) => !REVERSE.has(command) && command !== '');
  }

  /** Names of the fields of a type. */
  fieldsOf(name: string): string[] {
    const type = this.declared.get(name);
    return type === undefined ? [] : this.checker.getPropertiesOfType(type).map((field) => field.name);
  }

  /** What is wrong with the arguments of a request; empty: nothing. */
  argumentProblems(command: string, value: unknown): string[] {
    const type = this.argumentsType(command);
    return type === undefined || value === undefined ? [] : this.problems(value, type, command);
  }

  /** What is wrong with a message of the adapter. Commands and events of our own are known by their slash. */
  messageProblems(message: { readonly type: string }): string[] {
    const { type, event, command, success } = message as Record<string, unknown>;
    if (type === 'event') return this.named(message, `${capitalized(String(event))}Event`, 'Event');
    if (success !== true) return this.named(message, 'ErrorResponse', 'ErrorResponse');
    return this.named(message, `${capitalized(String(command))}Response`, 'Response');
  }

  /** Arguments that are mostly right: each field is there or not, and now and then of another type. */
  randomArguments(command: string, random: Random): unknown {
    const type = this.argumentsType(command);
    return type === undefined ? undefined : this.random(type, random, 0);
  }

  private named(message: object, name: string, base: string): string[] {
    const isOurs = name.includes('/');
    const type = this.declared.get(isOurs ? base : name);
    if (type === undefined) return [`there is no ${name} in the protocol`];
    return this.problems(message, type, name);
  }

  private argumentsType(command: string): ts.Type | undefined {
    const request = this.declared.get(`${capitalized(command)}Request`);
    const property = request?.getProperty('arguments');
    return property && this.checker.getNonNullableType(this.checker.getTypeOfSymbol(property));
  }

  private problems(value: unknown, type: ts.Type, path: string): string[] {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return [];
    if (type.isUnion()) {
      const all = type.types.map((one) => this.problems(value, one, path));
      return all.some((one) => one.length === 0)
        ? []
        : [`${path}: ${JSON.stringify(value)} is none of the types`];
    }
    const wanted = primitiveOf(type);
    if (wanted !== undefined)
      return wanted(value) ? [] : [`${path}: ${JSON.stringify(value)} has a wrong type`];
    if (this.checker.isArrayType(type)) {
      if (!Array.isArray(value)) return [`${path} is no list`];
      const element = this.elementOf(type);
      return element
        ? value.flatMap((one, at) => this.problems(one, element, `${path}[${at}]`)).slice(0, MAX_PROBLEMS)
        : [];
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no object`];
    return this.fieldProblems(value as Record<string, unknown>, type, path);
  }

  private fieldProblems(value: Record<string, unknown>, type: ts.Type, path: string): string[] {
    const found: string[] = [];
    for (const property of this.checker.getPropertiesOfType(type)) {
      const { name } = property;
      const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
      if (!(name in value)) {
        if (!isOptional) found.push(`${path}.${name} is missing`);
        continue;
      }
      found.push(...this.problems(value[name], this.checker.getTypeOfSymbol(property), `${path}.${name}`));
    }
    return found.slice(0, MAX_PROBLEMS);
  }

  private elementOf(type: ts.Type): ts.Type | undefined {
    return this.checker.getTypeArguments(type as ts.TypeReference)[0];
  }

  private random(type: ts.Type, random: Random, depth: number): unknown {
    if (random() < 0.04) return pick(ODD_VALUES, random);
    if (type.isUnion()) return this.random(pick(type.types, random), random, depth);
    if (type.isStringLiteral()) return type.value;
    if (type.flags & ts.TypeFlags.BooleanLike) return random() < 0.5;
    if (type.flags & ts.TypeFlags.NumberLike) return pick(NUMBERS, random);
    if (type.flags & ts.TypeFlags.StringLike) return pick(TEXTS, random);
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.Null))
      return pick(ODD_VALUES, random);
    if (depth > 4) return {};
    const element = this.checker.isArrayType(type) ? this.elementOf(type) : undefined;
    if (element !== undefined) {
      return Array.from({ length: Math.floor(random() * 3) }, () => this.random(element, random, depth + 1));
    }
    const made: Record<string, unknown> = {};
    for (const property of this.checker.getPropertiesOfType(type)) {
      const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
      if (random() < (isOptional ? 0.5 : 0.05)) continue;
      made[property.name] = this.random(this.checker.getTypeOfSymbol(property), random, depth + 1);
    }
    return made;
  }
}

const ODD_VALUES: readonly unknown[] = [null, [], {}, -1, 1e300, 'x', true, [null]];
const NUMBERS = [0, 1, 1, 1, 2, 7, 100, 1000, -1, 0.5, 2 ** 31, Number.MAX_SAFE_INTEGER];
const TEXTS = [
  '',
  'main',
  '$a0',
  '0x40000000',
  '/src/main.c',
  'phys:0x40000000',
  'after main',
  '%2',
  '1 +',
  'once',
  '\u0000',
];

const pick = <T>(from: readonly T[], random: Random): T => {
  const one = from[Math.floor(random() * from.length)];
  return one as T;
};

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const decapitalized = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function primitiveOf(type: ts.Type): ((value: unknown) => boolean) | undefined {
  if (type.isStringLiteral()) return (value) => value === type.value;
  if (type.flags & ts.TypeFlags.BooleanLiteral) return (value) => typeof value === 'boolean';
  if (type.flags & ts.TypeFlags.StringLike) return (value) => typeof value === 'string';
  // The protocol's numbers are whole ones, but for percentages.
  if (type.flags & ts.TypeFlags.NumberLike)
    return (value) => typeof value === 'number' && Number.isFinite(value);
  if (type.flags & ts.TypeFlags.BooleanLike) return (value) => typeof value === 'boolean';
  if (type.flags & ts.TypeFlags.Null) return (value) => value === null;
  return undefined;
}
