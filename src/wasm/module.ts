/** Assembles a WebAssembly module (core spec 5.5). Knows no RISC-V. */
import { invariant } from '../base/errors';
import { ByteWriter } from './bytes';
import type { ValueType } from './expr';
import { FunctionBuilder, type FunctionRef } from './function';

interface Signature {
  params: readonly ValueType[];
  result: ValueType | undefined;
}

export interface MemoryImport {
  module: string;
  name: string;
  /** In WebAssembly pages of 64 KiB. */
  initialPages: number;
  maximumPages: number;
  shared: boolean;
}

/**
 * Builds one module. Declare all imported functions before the first own one: function indices count imports first.
 * A function may be declared before it is defined, so that functions can call each other in any order.
 */
export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly typeBytes: Uint8Array[] = [];
  private readonly imports: { module: string; name: string; type: number }[] = [];
  private readonly functions: {
    type: number;
    ref: FunctionRef;
    code: Uint8Array | undefined;
    name: string;
  }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private memory: MemoryImport | undefined;

  importMemory(memory: MemoryImport): void {
    this.memory = memory;
  }

  importFunction(
    module: string,
    name: string,
    params: readonly ValueType[],
    result?: ValueType,
  ): FunctionRef {
    invariant(this.functions.length === 0, 'imports come before own functions');
    this.imports.push({ module, name, type: this.typeIndex({ params, result }) });
    return { index: this.imports.length - 1, params, result };
  }

  /** Declares a function whose body `define` gives later. */
  declare(name: string, params: readonly ValueType[], result?: ValueType): FunctionRef {
    const ref = { index: this.imports.length + this.functions.length, params, result };
    this.functions.push({ type: this.typeIndex({ params, result }), ref, code: undefined, name });
    return ref;
  }

  define(ref: FunctionRef, write: (f: FunctionBuilder) => void): void {
    const entry = this.functions[ref.index - this.imports.length];
    invariant(entry && entry.code === undefined, 'a function is defined once, after its declaration');
    const builder = new FunctionBuilder(ref.params, ref.result);
    write(builder);
    entry.code = builder.encode();
  }

  /** Declares and defines in one go. */
  function(
    name: string,
    params: readonly ValueType[],
    result: ValueType | undefined,
    write: (f: FunctionBuilder) => void,
  ): FunctionRef {
    const ref = this.declare(name, params, result);
    this.define(ref, write);
    return ref;
  }

  export(name: string, ref: FunctionRef): void {
    this.exports.push({ name, index: ref.index });
  }

  /** The module in the binary format. */
  encode(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    out.bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    this.section(out, 1, this.typeBytes.length, (s) => {
      for (const type of this.typeBytes) s.bytes(type);
    });
    this.section(out, 2, this.imports.length + (this.memory ? 1 : 0), (s) => {
      for (const entry of this.imports) {
        s.name(entry.module);
        s.name(entry.name);
        s.byte(0);
        s.uleb(entry.type);
      }
      if (this.memory) {
        s.name(this.memory.module);
        s.name(this.memory.name);
        s.byte(2);
        s.byte(this.memory.shared ? 3 : 1);
        s.uleb(this.memory.initialPages);
        s.uleb(this.memory.maximumPages);
      }
    });
    this.section(out, 3, this.functions.length, (s) => {
      for (const entry of this.functions) s.uleb(entry.type);
    });
    this.section(out, 7, this.exports.length, (s) => {
      for (const entry of this.exports) {
        s.name(entry.name);
        s.byte(0);
        s.uleb(entry.index);
      }
    });
    this.section(out, 10, this.functions.length, (s) => {
      for (const entry of this.functions) {
        invariant(entry.code, `function ${entry.name} has a body`);
        s.uleb(entry.code.length);
        s.bytes(entry.code);
      }
    });
    return out.view().slice();
  }

  private section(out: ByteWriter, id: number, count: number, write: (s: ByteWriter) => void): void {
    if (count === 0) return;
    const content = new ByteWriter();
    content.uleb(count);
    write(content);
    out.byte(id);
    out.uleb(content.length);
    out.bytes(content.view());
  }

  private typeIndex(signature: Signature): number {
    const bytes = new ByteWriter();
    bytes.byte(0x60);
    bytes.uleb(signature.params.length);
    bytes.bytes(signature.params);
    bytes.uleb(signature.result === undefined ? 0 : 1);
    if (signature.result !== undefined) bytes.byte(signature.result);
    const key = [...bytes.view()].join();
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    this.types.push(key);
    this.typeBytes.push(bytes.view().slice());
    return this.types.length - 1;
  }
}
