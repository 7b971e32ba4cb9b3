/** Instantiates the engine for one machine. The module is compiled once for all machines of a process. */
import type { LinearMemory } from '../memory';
import { buildEngine, type EngineExports, type EngineImports } from './module';

let compiled: WebAssembly.Module | undefined;

const engineModule = (): WebAssembly.Module =>
  (compiled ??= new WebAssembly.Module(buildEngine().builder.encode()));

export function instantiateEngine(linear: LinearMemory, imports: EngineImports): EngineExports {
  const instance = new WebAssembly.Instance(engineModule(), {
    env: { memory: linear.memory, ...imports },
  });
  return instance.exports as unknown as EngineExports;
}
