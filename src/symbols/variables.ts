/** Variables of a program and where their values lie, as the debug information says for a place in the code. */
import type { EnumType, Type } from './types';

/** What locations are computed from: one frame, as the unwinder has it. */
export interface FrameContext {
  /** An address in the code that this frame executes: for callers within the call. Of the guest, unsigned. */
  readonly pc: bigint;
  /** By DWARF number (RISC-V psABI): x0..x31 are 0 to 31, f0..f31 are 32 to 63. Undefined: lost, or never known. */
  register(number: number): bigint | undefined;
  /** All of the bytes at a virtual address, or undefined. */
  read(address: bigint, byteSize: number): Uint8Array | undefined;
  /** Canonical frame address: sp before the call into this frame. */
  readonly cfa: bigint | undefined;
  /** The frame that called this one (a real one: not that of an inlined call), for values at entry. */
  caller(): FrameContext | undefined;
}

/** For what needs no frame: all that one would have is unknown. */
export const NOWHERE: FrameContext = {
  pc: 0n,
  register: () => undefined,
  read: () => undefined,
  cfa: undefined,
  caller: () => undefined,
};

/** Where a value lies, or what it is (DWARF 5, 2.6). */
export type Location =
  | { readonly kind: 'memory'; readonly address: bigint }
  | { readonly kind: 'register'; readonly number: number }
  /** The value is nowhere; these are its bytes, little-endian, as many as the expression gave. */
  | { readonly kind: 'value'; readonly bytes: Uint8Array }
  /** A pointer that was optimised away: it would point `offset` bytes into what `target` describes. */
  | { readonly kind: 'implicitPointer'; readonly target: Variable | undefined; readonly offset: bigint }
  /** Lowest first; each `bitSize` bits long, taken from `bitOffset` of its place. */
  | { readonly kind: 'pieces'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'optimizedOut' }
  /** It is described, but something that the description needs is not known here, or the description is damaged. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface Piece {
  readonly location: Location;
  readonly bitSize: number;
  readonly bitOffset: number;
}

export interface Variable {
  readonly name: string;
  readonly type: Type;
  readonly isParameter: boolean;
  /** Made by the compiler (`this`, bounds of arrays, `__func__`). */
  readonly isArtificial: boolean;
  /** Where it is declared; the line is 1-based. */
  readonly declaration: { readonly file: string; readonly line: number } | undefined;
  /** Never throws for what is in the file or in the guest. */
  locate(frame: FrameContext): Location;
}

/** A lexical block: its variables in the order of the source. */
export interface Block {
  readonly variables: readonly Variable[];
}

/** A function whose code runs at an address: the one that was compiled there, or one inlined into it. */
export interface FunctionScope {
  readonly name: string;
  readonly isInlined: boolean;
  /** The innermost block that holds the address first; the last one is the function's own, with its parameters. */
  readonly blocks: readonly Block[];
}

/** What is asked for variables and types. Addresses are those of the guest. */
export interface TypedSymbols {
  /** Functions at pc, the innermost inlined one first: as many as inlinedAt(pc) and one. Empty without debug information. */
  scopesAt(pc: bigint): readonly FunctionScope[];
  /**
   * A variable with static storage by name, `ns::name` in C++ and Rust. Of several (static ones of several files) that of
   * the unit at `near`, else a global one, else the first.
   */
  variableNamed(name: string, near?: bigint): Variable | undefined;
  /** Variables with static storage of the unit whose code is at pc, in the order of the source. */
  globalsAt(pc: bigint): readonly Variable[];
  /**
   * `struct task`, `union u`, `enum e`, `task_t`, `unsigned long`, `ns::Class`, a bare `task` too where the language allows
   * it. A definition is preferred to a declaration, and that of the unit at `near` to others.
   */
  typeNamed(name: string, near?: bigint): Type | undefined;
  /**
   * An enumerator by name: `RED`; in C++ and Rust `ns::RED`, `Color::Red`, `ns::Color::Red`. Of several that of the innermost
   * block at `near`, then that of the unit there, else any.
   */
  constantNamed(name: string, near?: bigint): NamedConstant | undefined;
  /** The type of the function whose code begins at an address. */
  functionTypeAt(entry: bigint): FunctionTypeOf | undefined;
}

export interface NamedConstant {
  readonly type: EnumType;
  readonly value: bigint;
}

export interface FunctionTypeOf {
  readonly name: string;
  readonly type: Type;
}
