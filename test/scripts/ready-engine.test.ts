/** The bundles' engine is the one that the sources generate. */
import assert from 'node:assert/strict';
import { build } from 'esbuild';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { readyEngine } from '../../scripts/ready-engine';
import { engineBytes } from '../../src/machine/engine/bytes';

describe('scripts: the ready engine', () => {
  it('has the bytes that are generated, and takes nothing of the generator along', async () => {
    const { outputFiles } = await build({
      entryPoints: [join(__dirname, '../../src/machine/engine/bytes.ts')],
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'node',
      logLevel: 'error',
      plugins: [readyEngine],
    });
    const text = outputFiles[0]?.text ?? '';
    assert.ok(!text.includes('buildEngine'));
    const bundle: { exports: { engineBytes?: () => Uint8Array } } = { exports: {} };
    const load = runInThisContext(`(module) => {${text}\n}`) as (module: typeof bundle) => void;
    load(bundle);
    assert.deepEqual(bundle.exports.engineBytes?.(), engineBytes());
  });
});
