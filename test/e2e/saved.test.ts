/** A checkpoint that outlives its session, in a real VS Code: saved, shown without a session, and started from. */
import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { Desk, lineOf } from './support/desk';
import type { Workbench } from './support/workbench';

describe('e2e: saved checkpoints in VS Code', function () {
  this.timeout(90_000);
  // Each test goes on where the one before it ended.
  this.bail(true);
  const desk = new Desk();
  let vscode: Workbench;
  let checkpoints: Locator;
  let instant = '';

  before(async function () {
    vscode = await desk.open(this, 'saved');
  });

  after(() => desk.close());

  it('saves one from its row in the tree', async () => {
    await vscode.toggleBreakpoint(lineOf('#BP2'));
    await vscode.press('F5');
    await vscode.waitForStopAt(lineOf('#BP2'));
    instant = (await vscode.time()).split(' ')[0] ?? '';
    for (const name of ['Variables', 'Watch', 'Breakpoints']) await vscode.fold(name);
    checkpoints = await vscode.view('Checkpoints');
    await checkpoints.hover();
    await checkpoints.getByRole('button', { name: 'Take Checkpoint' }).click();
    await vscode.answer('table is full');
    await showsRow(`table is full ${instant}`);
    await vscode.rowAction(checkpoints, 'table is full', 'Save Checkpoint');
    await vscode.answer('after the table');
    await showsRow(`after the table ${instant} · saved`);
    await vscode.picture('saved-1-saved');
  });

  it('shows it when no session runs', async () => {
    await vscode.debug('Stop');
    await showsRow('guest.elf');
    await showsRow(`after the table ${instant} · `);
    const row = checkpoints.locator('.monaco-list-row').filter({ hasText: 'after the table' });
    await row.hover();
    await vscode.page.locator('.monaco-hover:visible, .workbench-hover:visible').first().waitFor();
    await vscode.picture('saved-2-idle');
  });

  it('starts from there, without running the guest up to it', async () => {
    const row = checkpoints.locator('.monaco-list-row').filter({ hasText: 'after the table' });
    await row.hover();
    await row.getByRole('button', { name: 'Start from Saved Checkpoint' }).click();
    await vscode.waitForStopAt(lineOf('#BP2'));
    assert.equal(await vscode.time(), `${instant} live`);
    await vscode.until(
      'the console of then',
      async () => (await vscode.terminal()) === 'Hello from the guest',
    );
    await vscode.picture('saved-3-started');
    await vscode.debug('Step Over');
    await vscode.until('the guest to go on', async () => /The table is full$/u.test(await vscode.terminal()));
    await vscode.debug('Step Back');
    await vscode.waitForStopAt(lineOf('#BP2'));
    await vscode.debug('Stop');
    await showsRow('guest.elf');
  });

  it('offers it when the guest is launched again', async () => {
    await vscode.toggleBreakpoint(lineOf('#BP2'));
    await vscode.toggleBreakpoint(lineOf('#BP1'));
    await vscode.press('F5');
    await vscode.waitForStopAt(lineOf('#BP1'));
    await showsRow('Saved earlier');
    await vscode.picture('saved-4-offered');
    await vscode.rowAction(checkpoints, 'after the table', 'Restore Checkpoint');
    await vscode.waitForStopAt(lineOf('#BP2'));
    await showsRow('From a saved checkpoint');
    await showsRow(`after the table ${instant} · saved`);
    await vscode.picture('saved-5-loaded');
  });

  it('has complained about nothing', async () => {
    assert.deepEqual(await vscode.notifications(), []);
  });

  const showsRow = (start: string): Promise<void> => vscode.showsRow(checkpoints, start);
});
