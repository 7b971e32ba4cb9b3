/**
 * Types as the compiler described them, whatever the language and the version of DWARF. Parts are read when they are first
 * asked for (a type may refer to itself through a pointer), so implementations have getters; all objects are immutable to
 * their users, and one entry of the file gives one object. Values of them are the business of inspect/.
 */
import type { FrameContext, Variable } from './variables';

export type Type =
  | BaseType
  | PointerType
  | MemberPointerType
  | ArrayType
  | StructType
  | EnumType
  | TypedefType
  | QualifiedType
  | FunctionType
  | VoidType;

/** What decides how a value is best shown: `{...}` and `->`, or Rust's and C++'s ways. */
export type Language = 'c' | 'c++' | 'rust' | 'assembly' | 'other';

/** DWARF 5, 7.8 (DW_ATE_*). */
export type BaseEncoding =
  | 'signed'
  | 'unsigned'
  | 'signedChar'
  | 'unsignedChar'
  | 'boolean'
  | 'float'
  | 'complexFloat'
  | 'utf'
  | 'address'
  | 'other';

export interface BaseType {
  readonly kind: 'base';
  readonly name: string;
  readonly byteSize: number;
  readonly encoding: BaseEncoding;
}

export interface PointerType {
  readonly kind: 'pointer';
  /** C++: `T &` and `T &&` are pointers that are followed when shown. */
  readonly flavour: 'pointer' | 'reference' | 'rvalueReference';
  readonly byteSize: number;
  readonly target: Type;
  readonly language: Language;
  /** Rust names its pointers (`&str`, `*const u8`); C does not. */
  readonly name?: string;
}

/** C++: `T C::*`. */
export interface MemberPointerType {
  readonly kind: 'memberPointer';
  readonly byteSize: number;
  readonly target: Type;
  readonly container: Type;
}

/** A number that the debug information knows, or that lies in the program (bounds of variable-length arrays). */
export type DynamicNumber =
  | { readonly kind: 'constant'; readonly value: bigint }
  /** The value of another variable, often an artificial one. */
  | { readonly kind: 'variable'; readonly variable: Variable }
  /** A number only the running program knows: evaluates as the location of the variable that has the type does. */
  | { readonly kind: 'expression'; readonly evaluate: Variable['locate'] };

export interface ArrayDimension {
  readonly lower: bigint;
  /** Elements; undefined: not known (`extern int a[]`, flexible array members). */
  readonly count: DynamicNumber | undefined;
}

export interface ArrayType {
  readonly kind: 'array';
  readonly element: Type;
  /** The outermost first. */
  readonly dimensions: readonly ArrayDimension[];
  /** Bytes of all elements; undefined where a dimension is dynamic or unknown. */
  readonly byteSize: number | undefined;
  /** Bytes from one element (of the last dimension) to the next, where that is not the element's size. */
  readonly strideBytes?: number;
  /** Shown and passed as one number by vector extensions. */
  readonly isVector: boolean;
  readonly language: Language;
}

export interface Member {
  /** Undefined: an anonymous struct or union, whose members are named as if they were the outer one's. */
  readonly name: string | undefined;
  readonly type: Type;
  /** From the beginning of the struct; with `bits` that of the first bit, counted from the struct's lowest bit. */
  readonly offset: { readonly bytes: number } | { readonly bits: number };
  /** Only of bit fields. */
  readonly bitSize: number | undefined;
  /** C++: a base class. */
  readonly isBase: boolean;
  /** C++: a base class whose place the program knows: not at `offset`. */
  readonly isVirtual: boolean;
  /** Of what only the program knows the place of: its address in the object at `object`. Never throws. */
  readonly addressIn?: (object: bigint, frame: FrameContext) => bigint | undefined;
  /** Made by the compiler (`_vptr.X`, the discriminant of a Rust enum). */
  readonly isArtificial: boolean;
}

/** DW_TAG_variant_part (DWARF 5, 5.7.10): what a Rust enum is made of. */
export interface VariantPart {
  /** The member that says which variant is there; undefined: there is one variant only. */
  readonly discriminant: Member | undefined;
  readonly variants: readonly Variant[];
}

export interface Variant {
  readonly name: string | undefined;
  /** Inclusive ranges of the discriminant; undefined: this one if no other. */
  readonly values: readonly { readonly low: bigint; readonly high: bigint }[] | undefined;
  readonly members: readonly Member[];
}

export interface StructType {
  readonly kind: 'struct';
  readonly keyword: 'struct' | 'union' | 'class' | 'interface';
  /** With namespaces: `ns::Outer::Inner`. */
  readonly name: string | undefined;
  /** Undefined: only declared, and no definition is to be found. */
  readonly byteSize: number | undefined;
  /** In the order of the source; base classes first. */
  readonly members: readonly Member[];
  readonly staticMembers: readonly Variable[];
  readonly variantPart: VariantPart | undefined;
  readonly templateParameters: readonly { readonly name: string; readonly type: Type }[];
  readonly language: Language;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly name: string | undefined;
  readonly byteSize: number;
  readonly isSigned: boolean;
  readonly enumerators: readonly { readonly name: string; readonly value: bigint }[];
  readonly language: Language;
}

export interface TypedefType {
  readonly kind: 'typedef';
  readonly name: string;
  readonly target: Type;
}

export interface QualifiedType {
  readonly kind: 'qualified';
  readonly qualifier: 'const' | 'volatile' | 'restrict' | 'atomic';
  readonly target: Type;
}

export interface FunctionType {
  readonly kind: 'function';
  readonly returns: Type;
  readonly parameters: readonly { readonly name: string | undefined; readonly type: Type }[];
  readonly isVariadic: boolean;
}

/** `void`, `decltype(nullptr)`, Rust's `!`; and what cannot be read. */
export interface VoidType {
  readonly kind: 'void';
  readonly name: string;
}
