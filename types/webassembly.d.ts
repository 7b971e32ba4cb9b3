/**
 * The part of the WebAssembly JavaScript interface (W3C, core and threads) that we use. TypeScript has these types
 * only in its DOM library, which would also let browser globals in, and @types/node 20 has none.
 */
declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'anyfunc' | 'externref' | 'v128';
  type ExportValue = Function | Global | Memory | Table;
  type Exports = Record<string, ExportValue>;
  type ImportValue = ExportValue | number | bigint;
  type Imports = Record<string, Record<string, ImportValue>>;

  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
    private readonly module: undefined;
    static exports(module: Module): { name: string; kind: string }[];
    static imports(module: Module): { module: string; name: string; kind: string }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  class Memory {
    /** Sizes in pages of 64 KiB. A shared memory needs `maximum`. */
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    /** Detached by grow(), unless shared: get it again afterwards. */
    readonly buffer: ArrayBufferLike;
    /** Returns the size before, in pages. */
    grow(pages: number): number;
  }

  class Table {
    constructor(
      descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number },
      value?: unknown,
    );
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(entries: number, value?: unknown): number;
  }

  class Global {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: unknown);
    value: unknown;
    valueOf(): unknown;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean;
  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
