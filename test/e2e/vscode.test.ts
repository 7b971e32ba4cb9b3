/** The main job, done in a real VS Code, on the packaged extension, by mouse and keyboard. */
import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { formatInstret } from '../../src/base/text';
import { Desk, lineOf } from './support/desk';
import type { Workbench } from './support/workbench';

/** The numbers in the status bar's text: now, and in the past the end of the recording. */
const instants = (text: string): number[] =>
  Array.from(text.matchAll(/[\d,]+/gu), ([digits]) => Number(digits.replaceAll(',', '')));

const greeting = 'Hello from the guest';

describe('e2e: a guest in VS Code', function () {
  this.timeout(90_000);
  // Each test goes on where the one before it ended.
  this.bail(true);
  const desk = new Desk();
  let vscode: Workbench;
  let checkpoints: Locator;

  before(async function () {
    vscode = await desk.open(this, 'guest');
  });

  after(() => desk.close());

  it('stops at a breakpoint that was set in the gutter', async () => {
    await vscode.toggleBreakpoint(lineOf('#BP1'));
    await vscode.press('F5');
    await vscode.waitForStopAt(lineOf('#BP1'));
    await vscode.until('the greeting', async () => (await vscode.terminal()) === greeting);
    assert.match(await vscode.time(), / live$/u);
    await vscode.picture('1-breakpoint');
  });

  it('shows the variables of the function with their values', async () => {
    await vscode.showsVariable('i', '0');
    await vscode.showsVariable('square', '0');
    await vscode.showsVariable('count', '4');
  });

  it('steps forwards and back again, through time', async () => {
    const before = await vscode.time();
    await vscode.debug('Step Over');
    await vscode.waitForStopAt(lineOf('for (int i'));
    await vscode.debug('Step Over');
    await vscode.waitForStopAt(lineOf('long square'));
    await vscode.showsVariable('i', '1');
    for (const text of ['for (int i', '#BP1']) {
      await vscode.debug('Step Back');
      await vscode.waitForStopAt(lineOf(text));
    }
    await vscode.showsVariable('i', '0');
    const past = instants(await vscode.time());
    assert.equal(past[0], instants(before)[0], 'the very instant of the breakpoint');
    assert.ok((past[1] ?? 0) > (past[0] ?? 0), 'the step is still in the recording');
    await vscode.picture('2-stepped-back');
  });

  it('takes a checkpoint and shows it in the tree', async () => {
    for (const name of ['Variables', 'Watch', 'Breakpoints']) await vscode.fold(name);
    checkpoints = await vscode.view('Checkpoints');
    await checkpoints.hover();
    await checkpoints.getByRole('button', { name: 'Take Checkpoint' }).click();
    await vscode.answer('first value');
    const instant = instants(await vscode.time())[0] ?? 0;
    await showsRow(`first value ${formatInstret(instant)}`);
    await showsRow(`You are here ${formatInstret(instant)}`);
    await vscode.picture('3-checkpoint');
  });

  it('goes on, and restores the checkpoint, with the console as it was then', async () => {
    const then = instants(await vscode.time())[0];
    await vscode.toggleBreakpoint(lineOf('#BP1'));
    await vscode.toggleBreakpoint(lineOf('#BP3'));
    await vscode.debug('Continue');
    await vscode.typeInTerminal('x', async () => (await vscode.terminal()).includes('The table is full'));
    await vscode.waitForStopAt(lineOf('#BP3'));
    await vscode.picture('4-later');
    await vscode.rowAction(checkpoints, 'first value', 'Restore Checkpoint');
    await vscode.waitForStopAt(lineOf('#BP1'));
    await vscode.until('the console of then', async () => (await vscode.terminal()) === greeting);
    assert.equal(instants(await vscode.time())[0], then);
    await vscode.picture('5-restored');
  });

  it('runs forwards through the recording again and backwards to the breakpoint before', async () => {
    await vscode.debug('Continue');
    await vscode.waitForStopAt(lineOf('#BP3'));
    await vscode.toggleBreakpoint(lineOf('#BP2'));
    await vscode.debug('Reverse');
    await vscode.waitForStopAt(lineOf('#BP2'));
    await vscode.until('the console of then', async () => (await vscode.terminal()) === greeting);
    await vscode.picture('6-reverse');
  });

  it('goes to an instruction that was typed', async () => {
    await vscode.command('Chronovisor: Go to Instruction');
    await vscode.answer('100%');
    await vscode.waitForStopAt(lineOf('#BP3'));
    assert.match(await vscode.time(), / live$/u);
  });

  it('begins another branch where something else is typed in the past', async () => {
    await vscode.rowAction(checkpoints, 'first value', 'Restore Checkpoint');
    await vscode.waitForStopAt(lineOf('#BP1'));
    await vscode.debug('Continue');
    await vscode.waitForStopAt(lineOf('#BP2'));
    await vscode.typeInTerminal('y', async () => (await vscode.terminal()) === greeting);
    await vscode.debug('Continue');
    await vscode.waitForStopAt(lineOf('#BP3'));
    await vscode.debug('Step Over');
    await vscode.until('the answer', async () => /You typed y$/u.test(await vscode.terminal()));
    await showsRow('Branch 1');
    assert.match(await vscode.time(), / live$/u);
    await vscode.picture('7-branch');
  });

  it('renames and deletes the checkpoint', async () => {
    await vscode.rowAction(checkpoints, 'first value', 'Rename Checkpoint');
    await vscode.answer('square of 0');
    await showsRow('square of 0');
    await vscode.rowAction(checkpoints, 'square of 0', 'Delete Checkpoint');
    await vscode.until(
      'one row less',
      async () => !(await vscode.rows(checkpoints)).some((row) => row.startsWith('square of 0')),
    );
  });

  it('has complained about nothing so far', async () => {
    assert.deepEqual(await vscode.notifications(), []);
  });

  it('ends', async () => {
    await vscode.debug('Stop');
    await checkpoints.getByText('Checkpoints of a RISC-V guest show here').waitFor();
    await vscode.until('the end in the console', async () =>
      /session is over/u.test(await vscode.terminal()),
    );
    await vscode.picture('8-ended');
  });

  const showsRow = (start: string): Promise<void> => vscode.showsRow(checkpoints, start);
});
