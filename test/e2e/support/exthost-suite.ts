/** The suite that runs inside VS Code's extension host, bundled; used by the browser's test and on the desktop. */
import { build } from 'esbuild';
import { join } from 'node:path';
import { scratch } from './server';

/** Returns the module to give as extensionTestsPath. Its folder is inside the project, so that it finds mocha. */
export async function compileSuite(): Promise<string> {
  const outdir = join(scratch, 'exthost');
  await build({
    entryPoints: [require.resolve('../exthost/run'), require.resolve('../exthost/guest.suite')],
    outdir,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return join(outdir, 'run.js');
}
