/**
 * `npm run test:desktop`: the suite of the extension host in a desktop VS Code, for people whose machine can download one
 * (@vscode/test-electron) or has one: CHRONOVISOR_VSCODE is the path of its executable. Not part of `npm test`.
 */
import { runTests } from '@vscode/test-electron';
import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileSuite } from '../test/e2e/support/exthost-suite';

const root = join(__dirname, '..');

async function main(): Promise<void> {
  const workspace = mkdtempSync(join(tmpdir(), 'chronovisor-'));
  cpSync(join(root, 'test/e2e/fixture'), workspace, { recursive: true });
  const executable = process.env['CHRONOVISOR_VSCODE'];
  await runTests({
    extensionDevelopmentPath: root,
    extensionTestsPath: await compileSuite(),
    launchArgs: [workspace, '--disable-workspace-trust'],
    ...(executable === undefined ? {} : { vscodeExecutablePath: executable }),
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
