/** Runs test/e2e/exthost/ inside VS Code's extension host, beside the packaged extension. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import type { Outcome } from './exthost/run';
import { compileSuite } from './support/exthost-suite';
import { packVsix, requireVscode, VscodeServer } from './support/server';
import { openBrowser } from './support/workbench';

/** Where VS Code does not know the start options nothing ever happens: then this ends the wait. */
const RUN_MS = 120_000;

describe('e2e: inside the extension host', function () {
  this.timeout(RUN_MS + 60_000);
  let server: VscodeServer | undefined;
  let browser: Browser | undefined;

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it('passes its own suite', async function () {
    requireVscode(this);
    server = new VscodeServer();
    server.install(packVsix());
    const resultFile = join(server.folder, 'result.json');
    await server.start(['--vscode-option', 'enable-smoke-test-driver'], {
      CHRONOVISOR_E2E_RESULT: resultFile,
    });
    // VS Code runs a suite for an extension under development; ours is installed, so this one is empty.
    const development = join(server.folder, 'development');
    mkdirSync(development);
    const empty = { name: 'empty', publisher: 'test', version: '0.0.0', engines: { vscode: '*' } };
    writeFileSync(join(development, 'package.json'), JSON.stringify(empty));
    const workspace = server.workspace(join(__dirname, 'fixture'), 'guest');

    browser = await openBrowser();
    const page = await browser.newPage();
    const said: string[] = [];
    await page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) =>
      said.push(args.join(' ')),
    );
    const ended = new Promise<number | undefined>((resolve) => {
      setTimeout(resolve, RUN_MS, undefined).unref();
      page.exposeFunction('codeAutomationExit', resolve).catch(() => resolve(undefined));
    });
    await page.goto(
      server.url(workspace, [
        ['extensionDevelopmentPath', server.uri(development)],
        ['extensionTestsPath', server.uri(await compileSuite())],
        ['skipWelcome', 'true'],
      ]),
    );
    const code = await ended;
    assert.ok(existsSync(resultFile), `the suite did not end (${code ?? 'time is up'}):\n${said.join('\n')}`);
    const outcomes = JSON.parse(readFileSync(resultFile, 'utf8')) as Outcome[];
    for (const { title, error } of outcomes) console.log(`      ${error === undefined ? '✔' : '✖'} ${title}`);
    const errors = outcomes.flatMap(({ title, error }) =>
      error === undefined ? [] : [`${title}: ${error}`],
    );
    assert.deepEqual(errors, []);
    assert.ok(outcomes.length > 0);
  });
});
