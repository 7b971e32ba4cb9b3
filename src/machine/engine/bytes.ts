/**
 * The engine's bytes. They depend on nothing but the tables, so a bundle has them ready: scripts/build.ts puts what this
 * gives in place of this file, and a launch need not wait for the generator.
 */
import { buildEngine } from './module';

export const engineBytes = (): Uint8Array<ArrayBuffer> => buildEngine().builder.encode();
