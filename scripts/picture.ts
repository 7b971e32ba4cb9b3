/**
 * Makes docs/images/vscode.png, the picture of README, from a real run: the night bank of samples/demo in VS Code, found
 * at the instant before its bug strikes, with the branch in which it did not. Needs `npm run build` first, and what the
 * end-to-end test needs.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packVsix, root, VscodeServer } from '../test/e2e/support/server';
import { openBrowser, Workbench } from '../test/e2e/support/workbench';

const sample = join(root, 'samples/demo');
const source = readFileSync(join(sample, 'bank.c'), 'utf8').split('\n');
const lineOf = (text: string): number => source.findIndex((line) => line.includes(text)) + 1;

async function takeCheckpoint(vscode: Workbench, name: string): Promise<void> {
  await vscode.page.locator('.debug-toolbar').getByRole('button', { name: 'Take Checkpoint' }).click();
  await vscode.answer(name);
  const view = await vscode.view('Checkpoints');
  await vscode.until(name, async () => (await vscode.rows(view)).some((row) => row.startsWith(name)));
}

async function watch(vscode: Workbench, expression: string): Promise<void> {
  const view = await vscode.view('Watch');
  await view.hover();
  await view.getByRole('button', { name: 'Add Expression' }).click();
  await vscode.page.keyboard.type(expression);
  await vscode.press('Enter');
  await view.locator('.monaco-list-row').filter({ hasText: expression }).first().waitFor();
}

async function scene(vscode: Workbench): Promise<void> {
  const { page } = vscode;
  const bell = lineOf('bells++;');
  await vscode.toggleBreakpoint(bell);
  await vscode.press('F5');
  await vscode.until('power-on', async () => /^0 live$/u.test(await vscode.time()));
  await vscode.press('Control+Shift+D');
  for (const name of ['Breakpoints', 'Loaded Scripts', 'Variables']) await vscode.fold(name);
  await vscode.view('Checkpoints');
  await arrange(vscode);
  await vscode.debug('Continue');
  await vscode.waitForStopAt(bell);
  await takeCheckpoint(vscode, 'first bell');
  await vscode.toggleBreakpoint(bell);

  const panic = lineOf('print("audit FAILED');
  await vscode.toggleBreakpoint(panic);
  await vscode.debug('Continue');
  await vscode.waitForStopAt(panic);
  await takeCheckpoint(vscode, 'audit failed');
  await vscode.toggleBreakpoint(panic);

  await watch(vscode, 'next_receipt');
  await watch(vscode, 'gold');
  const write = lineOf('receipts[next_receipt] = amount;');
  await vscode.toggleBreakpoint(write);
  const watched = await vscode.view('Watch');
  const isThere = async (): Promise<boolean> =>
    (await watched.innerText()).replace(/\s/gu, '').includes('next_receipt=8');
  // The bell rings every 3,000,000 instructions; the bug strikes at the ninth.
  for (let time = await vscode.time(); !time.startsWith('27,'); time = await vscode.time()) {
    if (!/^[23]\d,/u.test(time)) throw new Error(`the bug did not strike: ${time}`);
    await vscode.debug('Reverse');
    const before = time;
    const isElsewhere = async (): Promise<boolean> =>
      (await vscode.time()) !== before && (await vscode.stoppedAt()) === write;
    await vscode.until('another stop', isElsewhere);
  }
  await vscode.until('the ninth receipt', isThere);
  await takeCheckpoint(vscode, 'before the bug');

  // Another branch, in which all ends well.
  await page.getByRole('tab', { name: 'Debug Console' }).click();
  await page.locator('.repl-input-wrapper .monaco-editor').click();
  await page.keyboard.type('next_receipt = 0');
  await vscode.press('Enter');
  const checkpoints = await vscode.view('Checkpoints');
  const showsRow = (start: string): Promise<void> =>
    vscode.until(start, async () => (await vscode.rows(checkpoints)).some((row) => row.startsWith(start)));
  await showsRow('Branch 1');
  await page.getByRole('tab', { name: 'Terminal' }).click();
  await vscode.toggleBreakpoint(write);
  await vscode.debug('Continue');
  await vscode.until('the good end', async () =>
    (await vscode.terminal()).includes('all gold accounted for'),
  );
  await takeCheckpoint(vscode, 'good end');

  // And back, along the branch with the bug.
  await vscode.rowAction(checkpoints, 'audit failed', 'Restore Checkpoint');
  await vscode.waitForStopAt(panic);
  await vscode.rowAction(checkpoints, 'before the bug', 'Restore Checkpoint');
  await vscode.waitForStopAt(write);
  await vscode.until('the past', async () => (await vscode.time()).includes('/') && (await isThere()));
  await page.locator('.debug-call-stack').getByText('on_bell').waitFor();
  await page.getByText('Load More Stack Frames').waitFor({ state: 'detached' });
  await page.mouse.move(900, 700);
}

/** Makes room for the views that matter. */
async function arrange({ page }: Workbench): Promise<void> {
  const drag = async (from: readonly [number, number], to: readonly [number, number]): Promise<void> => {
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 5 });
    await page.mouse.up();
  };
  const header = await page.locator('.pane-header[aria-label^="Loaded Scripts"]').boundingBox();
  if (header) await drag([header.x + 60, header.y], [header.x + 60, header.y - 140]);
  const sideBar = await page.locator('.part.sidebar').boundingBox();
  if (sideBar) await drag([sideBar.x + sideBar.width, 500], [sideBar.x + sideBar.width + 50, 500]);
}

async function main(): Promise<void> {
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(root, 'scripts/fetch-vscode-host.ts')],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) throw new Error('no VS Code to take a picture of');
  const server = new VscodeServer();
  const browser = await openBrowser();
  try {
    server.install(packVsix());
    await server.start();
    const vscode = await Workbench.open(browser, server, server.workspace(sample, 'bank'), 'bank.c');
    await scene(vscode).catch(async (error: unknown) => {
      await vscode.picture('failed');
      throw error;
    });
    const folder = join(root, 'docs/images');
    mkdirSync(folder, { recursive: true });
    await vscode.page.screenshot({ path: join(folder, 'vscode.png') });
  } finally {
    await browser.close();
    await server.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
