/** Where we differ from GDB 13.1 on purpose in Rust programs: each with what tells it apart from a defect, and why. */
import { ofOptimised, type Accepted } from '../accepted';

/** A number that is gone, or a whole of such; an enumeration that is gone cannot be read. */
const isGoneText = (text: string): boolean =>
  text === '<optimized out>' ||
  text === '<unreadable>' ||
  (text.includes('"gone"') && !/"(?:-?\d+|f[\da-f]+)"/.test(text.replaceAll('"gone":"optimized out"', '')));

export const acceptedOfRust: readonly Accepted[] = [
  ...ofOptimised,
  {
    reason: 'rustc writes negative enumerators without their sign, and GDB takes them so',
    matches: ({ kind, path, gdb, ours }) =>
      kind === 'value' && path === 'level' && gdb === '65236' && ours === '-300',
  },
  {
    reason: 'for the same reason GDB finds no variant of a negative tag',
    matches: ({ kind, path, gdb, ours }) =>
      kind === 'value' &&
      path === 'signed' &&
      gdb === '{"struct":[["","-5"]]}' &&
      ours.startsWith('{"struct":[["","-5"],["Minus",'),
  },
  {
    reason: 'GDB 13 dies of pointers in pieces that were optimised away',
    matches: ({ kind, gdb }) => kind === 'value' && gdb === '<synthetic pointer in pieces>',
  },
  {
    reason: 'GDB 13 dies of enumerations in registers and pieces',
    matches: ({ kind, gdb }) => kind === 'value' && gdb === '<enumeration in pieces>',
  },
  {
    reason: 'of an enumeration that is optimised out GDB 13 reads the tag, at address 0',
    matches: ({ kind, gdb, ours }) => kind === 'value' && gdb === '<unreadable>' && isGoneText(ours),
  },
  {
    reason:
      'GDB tells a variable of an inlined function outside of its block, as optimised out: LLVM does not say which block a copy is of',
    matches: ({ kind, gdb }) => kind === 'missing' && isGoneText(gdb),
  },
  {
    reason:
      'GDB does not get on with a location that is wider than the value; ours is what it is without optimisation',
    matches: ({ kind, gdb, isKnown }) =>
      kind === 'value' &&
      isKnown &&
      gdb === '<access outside bounds of object referenced via synthetic pointer>',
  },
  {
    reason: 'GDB says 0 of what has no size, wherever it is; ours is optimised out with what is around it',
    matches: ({ kind, path, gdb, ours }) =>
      kind === 'value' && /\.uninit$|^mixed\.__2$/.test(path) && gdb === '0' && ours === '<optimized out>',
  },
  {
    reason: 'GDB leaves out what is in no copy of a block within a block; ours says that it is optimised out',
    matches: ({ kind, function: name, path }) =>
      kind === 'extra' && `${name} ${path}` === 'alloc::alloc::exchange_malloc ptr',
  },
  {
    reason: 'without a tag GDB takes the variant that is described last, even if no value can be of it',
    matches: ({ kind, function: name, path, gdb, ours }) =>
      kind === 'value' &&
      /^(corpus::enums::trees empty|corpus::generics::largest<i64> residual)$/.test(`${name} ${path}`) &&
      gdb === 'member Some' &&
      ours === 'member None',
  },
];
