/** Where we differ from GDB 13.1 on purpose: each with what tells it apart from a defect, and why. */
import type { Difference } from './compare';

export interface Accepted {
  readonly reason: string;
  matches(difference: Difference): boolean;
}

/** Registers that a call may overwrite (psABI, "Integer Register Convention" and "Floating-point Register Convention"). */
const isCallerSaved = (number: number): boolean =>
  number < 32
    ? [1, 5, 6, 7, 28, 29, 30, 31].includes(number) || (number >= 10 && number <= 17)
    : !SAVED_FLOATS.has(number);

const SAVED_FLOATS = new Set([40, 41, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);

function lostRegister(text: string): number | undefined {
  const found = /register (\d+) is not known in this frame/.exec(text);
  if (found?.[1] !== undefined) return Number(found[1]);
  const lost = /the value that ([xf])(\d+) had in this frame is lost/.exec(text);
  return lost === null ? undefined : Number(lost[2]) + (lost[1] === 'f' ? 32 : 0);
}

/** Each part of a qualified name is in a mangled one with its length before it. */
const isPartOf = (name: string, mangled: string): boolean =>
  name.split('::').every((part) => mangled.includes(`${part.length}${part}`) || /C[12]E/.test(mangled));

/** Of optimised programs in every language. */
export const ofOptimised: readonly Accepted[] = [
  {
    reason:
      'GDB shows callers what a register holds now although the call may have overwritten it; ours says that it is lost',
    matches: ({ kind, frame, ours }) => {
      const register = lostRegister(ours);
      return kind === 'value' && frame > 0 && register !== undefined && isCallerSaved(register);
    },
  },
  {
    reason:
      'GDB finds no value of a caller for it; ours does, and it is the one of the program without optimisation',
    matches: ({ kind, gdb, isKnown }) => kind === 'value' && gdb === '<optimized out>' && isKnown,
  },
  {
    reason:
      'a location ends before the value does; GDB makes a pointer of the rest, ours says that it is optimised out',
    matches: ({ kind, path, gdb, ours }) =>
      kind === 'value' && /[.[]/.test(path) && gdb === '<synthetic pointer>' && ours === '<optimized out>',
  },
  {
    reason: 'GDB refuses expressions of mixed types (made by clang); ours takes their bits',
    matches: ({ kind, gdb }) => kind === 'value' && gdb === '<mistyped>',
  },
  {
    reason:
      'GDB tells a variable of an inlined function a second time, outside of its block, as optimised out',
    matches: ({ kind, gdb, isInlined }) => kind === 'repeated' && gdb === '<optimized out>' && isInlined,
  },
];

export const accepted: readonly Accepted[] = [
  {
    // GDB 13, dwarf2_find_location_expression: the base is added `if (!baton->from_dwo && kind == DEBUG_LOC_OFFSET_PAIR)`.
    reason:
      'GDB 13 adds no base to the DW_LLE_offset_pair that clang writes into split files; ours is what it says of the same code not split',
    matches: ({ kind, build, gdb, isOfTwin }) =>
      kind === 'value' &&
      /^clang .*-gdwarf-5 -gsplit-dwarf/.test(build) &&
      gdb === '<optimized out>' &&
      isOfTwin,
  },
  ...ofOptimised,
  {
    reason: 'a nullptr_t has no size in the debug information; GDB reads four bytes of something',
    matches: ({ kind, path, ours }) => kind === 'value' && path === 'nothing' && ours === 'void',
  },
  {
    reason: 'GDB cannot look at an array of variable length through a pointer that was optimised away',
    matches: ({ kind, gdb }) =>
      kind === 'value' && gdb === '<access outside bounds of object referenced via synthetic pointer>',
  },
  {
    reason: 'references in registers cannot be asked of GDB 13: it dies',
    matches: ({ kind, gdb }) => kind === 'value' && gdb === '<reference in pieces>',
  },
  {
    reason: 'pointers to methods in registers cannot be asked of GDB',
    matches: ({ kind, gdb }) => kind === 'value' && gdb === '<pointer to a method in a register>',
  },
  {
    reason: 'GDB does not read arrays of a length that nobody has set yet',
    matches: ({ kind, function: name, gdb }) =>
      kind === 'value' && name === 'variable_length' && gdb.includes('more than max-value-size'),
  },
  {
    reason:
      'GDB finds no value of a caller for it; ours does: an address on the stack, which differs between builds',
    matches: ({ kind, function: name, path, gdb, ours }) =>
      kind === 'value' &&
      name === 'by_reference' &&
      path === 'changed' &&
      gdb === '<optimized out>' &&
      /^2147\d{6}$/.test(ours),
  },
  {
    reason:
      'GDB 13 does not follow the length of an array that lies in registers, or in an array that is gone',
    matches: ({ kind, function: name, path, gdb, ours }) =>
      kind === 'value' &&
      name === 'variable_length' &&
      /^(row|grid)$/.test(path) &&
      /^\{"array":\[[01],/.test(gdb) &&
      /^\{"array":\[[23],/.test(ours),
  },
  {
    reason: 'GDB 13 does not find the types that expressions in split files name',
    matches: ({ kind, build, gdb }) =>
      kind === 'value' &&
      build.includes('-gsplit-dwarf') &&
      gdb.startsWith('<Could not find type for operation'),
  },
  {
    reason: 'GDB 13 does not know DW_LLE_startx_endx, which gcc writes into split files of DWARF 5',
    matches: ({ kind, build, gdb }) =>
      kind === 'value' &&
      /^gcc .*-gdwarf-5 -gsplit-dwarf/.test(build) &&
      gdb === '<dwarf2_find_location_expression: Corrupted DWARF expression.>',
  },
  {
    reason: 'clang calls a lambda otherwise than GDB does, and gives its operator() no scope',
    matches: ({ kind, build, gdb, ours }) =>
      kind === 'name' &&
      build.startsWith('clang') &&
      gdb.includes('lambdas(int)::$_0') &&
      /lambda at|^operator\(\)$/.test(ours),
  },
  {
    reason:
      'GDB reads bit fields as a whole, and clang says of the bytes between them that they are where nothing is',
    matches: ({ kind, function: name, path, gdb }) =>
      kind === 'value' && name === 'bit_fields' && path === 'local' && gdb === '<unreadable>',
  },
  {
    reason:
      'of a program linked as one GDB tells variables of blocks that lie elsewhere, as optimised out, where the source has none',
    matches: ({ kind, build, gdb, isOutOfScope }) =>
      (kind === 'missing' || kind === 'repeated') &&
      build.includes('-flto') &&
      gdb === '<optimized out>' &&
      isOutOfScope,
  },
  {
    reason:
      'of a program linked as one GDB tells a variable of another block a second time, which has the name of one around it',
    matches: ({ kind, build, function: name, path, gdb }) =>
      kind === 'repeated' &&
      build.includes('-flto') &&
      `${name} ${path}` === 'blocks value' &&
      gdb === '<optimized out>',
  },
  {
    reason:
      'of a program linked as one GDB tells parameters of constructors for all variants too, as optimised out',
    matches: ({ kind, build, function: name, gdb }) =>
      kind === 'repeated' &&
      /^gcc .*-flto/.test(build) &&
      /(?:^|::)(\w+)::~?\1$/.test(name) &&
      gdb === '<optimized out>',
  },
  {
    reason:
      'of a program linked as one GDB misses a block that lies beside the one around it; ours has the address that it computes',
    matches: ({ kind, build, function: name, path, gdb, ours }) =>
      kind === 'value' &&
      /^gcc -O1 .*-flto/.test(build) &&
      `${name} ${path}` === 'ids task' &&
      gdb === '<optimized out>' &&
      /^2147\d{6}$/.test(ours),
  },
  {
    reason: 'of a program linked as one GDB tells variables by another unit',
    matches: ({ kind, build, frame }) => kind === 'extra' && build.includes('-flto') && frame === -1,
  },
  {
    reason: 'of a program linked as one GDB shows the names that the linker knows',
    matches: ({ kind, build, gdb, ours }) =>
      kind === 'name' && build.includes('-flto') && gdb.startsWith('_ZN') && isPartOf(ours, gdb),
  },
  {
    reason:
      'an object with virtual bases that is not constructed yet: GDB refuses it, ours shows the members it can',
    matches: ({ kind, path, gdb, ours }) =>
      kind === 'value' &&
      path.startsWith('diamond.') &&
      (/^<(virtual baseclass botch|unreadable)>$/.test(gdb) || ours === '<unreadable>'),
  },
  {
    reason: "GDB leaves out a namespace's constexpr that has a value but no place",
    matches: ({ kind, frame, path }) =>
      kind === 'extra' && frame === -1 && path === 'outer::inner::v2::version',
  },
];
