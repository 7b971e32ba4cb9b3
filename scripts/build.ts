/** Bundles the product into dist/. Nothing of node_modules is needed to run what comes out. */
import { build, type BuildOptions } from 'esbuild';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readyEngine } from './ready-engine';

const root = join(__dirname, '..');

const shared: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  // VS Code 1.100 runs extensions and debug adapters in Node 20 (package.json: engines).
  target: 'node20',
  format: 'cjs',
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [readyEngine],
};

interface Bundle {
  readonly entry: string;
  readonly out: string;
  readonly options?: BuildOptions;
}

const workers = (): Bundle[] =>
  readdirSync(join(root, 'src/host'))
    .filter((name) => name.endsWith('.worker.ts'))
    .map((name) => ({ entry: `src/host/${name}`, out: `dist/${name.replace(/\.ts$/, '.js')}` }));

const bundles: Bundle[] = [
  { entry: 'src/extension/extension.ts', out: 'dist/extension.js', options: { external: ['vscode'] } },
  { entry: 'src/cli/adapter.ts', out: 'dist/adapter.js' },
  {
    entry: 'src/cli/main.ts',
    out: 'dist/cli.js',
    options: { banner: { js: '#!/usr/bin/env node' } },
  },
  { entry: 'samples/demo/demo.ts', out: 'dist/demo.js' },
  { entry: 'bench/index.ts', out: 'dist/bench.js' },
  ...workers(),
];

async function main(): Promise<void> {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  for (const { entry, out, options } of bundles) {
    if (!existsSync(join(root, entry))) {
      console.log(`build: ${entry} is not there yet, ${out} is left out`);
      continue;
    }
    await build({ ...shared, ...options, entryPoints: [entry], outfile: out });
  }
  const cli = join(root, 'dist/cli.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
