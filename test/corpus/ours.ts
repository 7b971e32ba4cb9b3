/** What our machine and our symbols say at the stops that GDB told of, in the same form. */
import assert from 'node:assert/strict';
import { elements, lengthOf, memberValue, targetOf, variantOf } from '../../src/inspect/children';
import { unwind, type Frame } from '../../src/inspect/unwind';
import { isMissing, type Value, type Missing } from '../../src/inspect/value';
import type { MachineView } from '../../src/inspect/view';
import type { Machine } from '../../src/machine/machine';
import type { SymbolFile } from '../../src/symbols/symbol-file';
import type { Member, StructType } from '../../src/symbols/types';
import type { FrameContext, Variable } from '../../src/symbols/variables';
import type { JudgedStop, Tree } from './judge';

/** As judge.py: elements shown of an array, and how deep values are followed. */
const ELEMENTS = 16;
const DEPTH = 12;
const TARGETS = 3;

export interface OurFrame {
  readonly pc: bigint;
  readonly name: string;
  readonly inline: boolean;
  readonly file: string | undefined;
  readonly line: number;
  /** The innermost first; empty ones are left out. */
  readonly blocks: readonly (readonly Variable[])[];
  readonly context: FrameContext;
}

/** Runs on to a stop, which is the first arrival at its pc from here on. */
export function runTo(machine: Machine, view: MachineView, stop: JudgedStop): void {
  if (view.pc === stop.pc) machine.run(machine.instret + 1);
  machine.stops.setBreakpoints([stop.pc]);
  const ended = machine.run(machine.instret + 10_000_000);
  assert.equal(ended.kind, 'breakpoint', `the program comes to 0x${stop.pc.toString(16)}`);
  machine.stops.setBreakpoints([]);
  const found = stop.registers.map(([index]) => `x${index}=${view.x(index)}`).join(' ');
  const expected = stop.registers.map(([index, value]) => `x${index}=${value}`).join(' ');
  assert.equal(found, expected, `the same registers at 0x${stop.pc.toString(16)}`);
}

export function framesAt(view: MachineView, symbols: SymbolFile): OurFrame[] {
  const frames = unwind(view, symbols, { maxFrames: 40 });
  return frames.flatMap((frame, index) => describe(frame, contextOf(frames, index, view), symbols));
}

/** A frame, and one more for each call that was inlined into it. */
function describe(frame: Frame, context: FrameContext, symbols: SymbolFile): OurFrame[] {
  const scopes = symbols.scopesAt(frame.lookupPc);
  const { inlined, line } = frame;
  return Array.from({ length: inlined.length + 1 }, (_, depth) => {
    const caller = inlined[depth - 1];
    return {
      pc: frame.pc,
      name: scopes[depth]?.name ?? inlined[depth]?.name ?? frame.function?.name ?? '',
      inline: depth < inlined.length,
      file: caller === undefined ? line?.file : caller.callFile,
      line: caller === undefined ? (line?.line ?? 0) : caller.callLine,
      blocks: (scopes[depth]?.blocks ?? [])
        .map(({ variables }) => variables)
        .filter((variables) => variables.length > 0),
      context,
    };
  });
}

function contextOf(frames: readonly Frame[], index: number, view: MachineView): FrameContext {
  const frame = frames[index];
  assert.ok(frame);
  return {
    pc: frame.lookupPc,
    register: (number) => frame.registers[number],
    read: (address, byteSize) => view.readMemory(address, byteSize),
    cfa: frame.cfa,
    caller: () => (index + 1 < frames.length ? contextOf(frames, index + 1, view) : undefined),
  };
}

const missing = (found: Missing): Tree =>
  found.kind === 'optimizedOut' ? { gone: 'optimized out' } : { error: found.reason };

/** A value as judge.py tells it. */
export function treeOf(value: Value, depth = 0, targets = 0): Tree {
  const type = value.plain;
  if (depth > DEPTH) return { error: 'too deep' };
  switch (type.kind) {
    case 'struct':
      return {
        struct: membersOf(value, type).map((member) => {
          const name = member.name ?? (member.isBase ? nameOf(member.type) : '');
          return [name, treeOf(memberValue(value, member), depth + 1, targets)];
        }),
      };
    case 'array': {
      const children = elements(value, 0, ELEMENTS);
      return { array: [lengthOf(value) ?? 0, children.map((one) => treeOf(one.value, depth + 1, targets))] };
    }
    case 'pointer':
      if (value.location.kind === 'implicitPointer') {
        if (targets > TARGETS) return { target: null };
        const target = targetOf(value);
        return { target: isMissing(target) ? missing(target) : treeOf(target, depth + 1, targets + 1) };
      }
      return numberOf(value);
    case 'function':
      return value.address === undefined ? { gone: 'optimized out' } : String(value.address);
    case 'void':
      return 'void';
    case 'base':
      if (type.encoding === 'complexFloat') return complexParts(value, type.byteSize / 2);
      if (type.encoding !== 'float') return numberOf(value);
      return bitsOf(value);
    default:
      return numberOf(value);
  }
}

/** Of Rust's enumerations the number that tells the variant, and the variant. */
function membersOf(value: Value, { members, variantPart }: StructType): readonly Member[] {
  if (variantPart === undefined) return members;
  const { discriminant } = variantPart;
  return [
    ...(discriminant === undefined ? [] : [discriminant]),
    ...members,
    ...(variantOf(value)?.members ?? []),
  ];
}

const nameOf = (type: Value['type']): string => ('name' in type ? (type.name ?? '') : '');

function numberOf(value: Value): Tree {
  const found = value.number();
  return typeof found === 'object' ? missing(found) : String(found);
}

function bitsOf(value: Value): Tree {
  const bits = value.bits();
  if (isMissing(bits)) return missing(bits);
  const count = 8 * (value.byteSize ?? 0);
  if (bits.known !== (1n << BigInt(count)) - 1n) return { gone: 'optimized out' };
  return `f${bits.value.toString(16)}`;
}

function complexParts(value: Value, byteSize: number): Tree {
  const part = { kind: 'base', name: 'part', byteSize, encoding: 'float' } as const;
  return { array: [2, [0, 1].map((index) => bitsOf(value.part(part, 8 * byteSize * index)))] };
}
