/**
 * Checks who imports whom (.dependency-cruiser.cjs). It fails when no module was seen: a dependency-cruiser that cannot
 * load this TypeScript reports 0 modules and no violation, which looks like success.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

interface Report {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string; readonly severity: string };
    }[];
  };
}

const root = join(__dirname, '..');
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const folders = ['src', 'test', 'bench', 'scripts', 'samples'];
const options = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json'];
const run = spawnSync(process.execPath, [cruiser, ...options, ...folders], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1 << 28,
});
if (run.stdout === '') throw new Error(`dependency-cruiser said nothing: ${run.stderr}`);

const { modules, summary } = JSON.parse(run.stdout) as Report;
const own = modules.filter(({ source }) => source.startsWith('src/')).length;
const lines = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
for (const line of [...new Set(lines)].sort()) console.error(line);
console.log(`layers: ${own} modules in src/, ${lines.length} violations`);
if (own === 0) console.error('layers: no module was checked');
if (own === 0 || lines.length > 0) process.exitCode = 1;
