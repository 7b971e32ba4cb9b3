/**
 * What the pure rooms may use besides the language itself (tsconfig.pure.json). Every host of ours has these: Node,
 * a browser's worker, VS Code's extension host. Clocks, timers, entropy, files and the console are left out on purpose.
 * The main tsconfig.json does not include this file: there the types come from @types/node.
 */

declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: ArrayBufferView | ArrayBufferLike, options?: { stream?: boolean }): string;
}
