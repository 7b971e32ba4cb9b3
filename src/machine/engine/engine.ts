/** Instantiates the engine for one machine. The module is compiled once for all machines of a process. */
import type { LinearMemory } from '../memory';
import { engineBytes } from './bytes';
import type { EngineExports, EngineImports } from './module';

let compiled: WebAssembly.Module | undefined;

const engineModule = (): WebAssembly.Module => (compiled ??= new WebAssembly.Module(engineBytes()));

export function instantiateEngine(linear: LinearMemory, imports: EngineImports): EngineExports {
  const instance = new WebAssembly.Instance(engineModule(), {
    env: { memory: linear.memory, ...imports },
  });
  return instance.exports as unknown as EngineExports;
}
