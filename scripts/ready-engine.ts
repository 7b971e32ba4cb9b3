/** For bundles: the engine's bytes as a constant, so that no launch generates them (src/machine/engine/bytes.ts). */
import type { Plugin } from 'esbuild';
import { engineBytes } from '../src/machine/engine/bytes';

/** The module that takes the place of bytes.ts: the same export, with bytes that are there already. */
export function readyEngineSource(): string {
  const text = Buffer.from(engineBytes()).toString('base64');
  return `export const engineBytes = () => Uint8Array.from(atob('${text}'), (c) => c.charCodeAt(0));`;
}

export const readyEngine: Plugin = {
  name: 'ready-engine',
  setup(build) {
    build.onLoad({ filter: /[\\/]machine[\\/]engine[\\/]bytes\.ts$/ }, () => ({
      contents: readyEngineSource(),
      loader: 'js',
    }));
  },
};
