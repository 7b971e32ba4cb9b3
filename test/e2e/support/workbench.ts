/**
 * Drives VS Code's workbench in a browser, in the words of its user: set a breakpoint in the gutter, press F5, wait for
 * the stop at a line. Waits for what shows, never for time. What fails leaves a picture in .cache/e2e/.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import { findTool } from '../../support/tools';
import { scratch, type VscodeServer } from './server';

/** How long anything may take to show. Usually it is under a second; the first start of all may take 15. */
const WAIT_MS = 60_000;

/**
 * The number beside the marked line: they are found by their height on the screen, in one go, since the editor may scroll
 * at any moment. A text, because the page's types are not ours.
 */
const STOPPED_AT = `(() => {
  const top = (element) => element.getBoundingClientRect().top;
  const mark = document.querySelector('.view-overlays .debug-top-stack-frame-line');
  const numbers = [...document.querySelectorAll('.margin-view-overlays .line-numbers')];
  const beside = mark && numbers.find((number) => Math.abs(top(number) - top(mark)) < 3);
  return beside ? Number(beside.textContent) : null;
})()`;

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];

export async function openBrowser(): Promise<Browser> {
  const executablePath = findTool('chromium') ?? '';
  return chromium.launch({
    executablePath,
    args: [...flags, '--disable-component-update', '--disable-sync'],
  });
}

export class Workbench {
  private constructor(readonly page: Page) {}

  /** Opens `file` of the workspace `folder`, and is there when the file shows. */
  static async open(
    browser: Browser,
    server: VscodeServer,
    folder: string,
    file: string,
  ): Promise<Workbench> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(WAIT_MS);
    await page.goto(server.url(folder, [['openFile', server.uri(join(folder, file))]]));
    await page.locator('.monaco-editor .view-line').first().waitFor();
    return new Workbench(page);
  }

  async picture(name: string): Promise<void> {
    mkdirSync(scratch, { recursive: true });
    await this.page.screenshot({ path: join(scratch, `${name}.png`) });
  }

  /** Clicks left of the line's number, where the hint of a breakpoint shows; again, and it is gone. */
  async toggleBreakpoint(line: number): Promise<void> {
    const numbers = this.page.locator('.margin-view-overlays .line-numbers');
    const number = numbers.filter({ hasText: new RegExp(`^${line}$`, 'u') });
    if ((await number.count()) === 0) {
      await this.press('F1');
      await this.answer(`:${line}`);
    }
    const box = await number.boundingBox();
    if (!box) throw new Error(`line ${line} does not show`);
    const breakpoints = this.page.locator('.glyph-margin-widgets .codicon-debug-breakpoint');
    const before = await breakpoints.count();
    const marks = this.page.locator('.codicon-debug-hint, .codicon-debug-breakpoint:hover');
    const x = box.x - 9;
    const y = box.y + box.height / 2;
    let step = 0;
    await this.until(`the gutter of line ${line}`, async () => {
      // VS Code looks only when the mouse moves, and not before it knows the languages with breakpoints.
      await this.page.mouse.move(x, y + (step++ % 3) - 1);
      return (await marks.count()) > 0;
    });
    await this.page.mouse.click(x, y);
    const changed = async (): Promise<boolean> => (await breakpoints.count()) !== before;
    await this.until(`a breakpoint set or gone at line ${line}`, changed);
    await this.page.mouse.move(box.x + 300, y);
  }

  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  /** The line that is marked as the place of the stop; undefined while the guest runs. */
  async stoppedAt(): Promise<number | undefined> {
    return (await this.page.evaluate<number | null>(STOPPED_AT)) ?? undefined;
  }

  async waitForStopAt(line: number): Promise<void> {
    await this.until(`a stop at line ${line}`, async () => (await this.stoppedAt()) === line);
  }

  /** A button of the debug toolbar. */
  async debug(name: string): Promise<void> {
    await this.page.locator('.debug-toolbar').getByRole('button', { name }).first().click();
  }

  /** Runs a command of the palette. */
  async command(title: string): Promise<void> {
    await this.press('F1');
    await this.page.locator('.quick-input-widget input').first().fill(`>${title}`);
    await this.page
      .locator('.quick-input-list .monaco-list-row')
      .filter({ hasText: title })
      .first()
      .waitFor();
    await this.press('Enter');
  }

  /** All notifications that nobody has closed yet: they leave their corner after a while, but not the list. */
  async notifications(): Promise<string[]> {
    await this.command('Notifications: Show Notifications');
    await this.page.locator('.notifications-center.visible').waitFor();
    return this.page.locator('.notifications-center .notification-list-item-message').allInnerTexts();
  }

  /** Answers a question of VS Code's at the top. */
  async answer(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget:visible input').first();
    await input.fill(text);
    await input.press('Enter');
  }

  /** A view of the side bar, unfolded. */
  async view(name: string): Promise<Locator> {
    const pane = this.page.locator('.pane', {
      has: this.page.locator(`.pane-header[aria-label^="${name}"]`),
    });
    const header = pane.locator('.pane-header');
    if ((await header.getAttribute('aria-expanded')) === 'false') await header.click();
    return pane;
  }

  async fold(name: string): Promise<void> {
    const header = this.page.locator(`.pane-header[aria-label^="${name}"]`);
    if ((await header.getAttribute('aria-expanded')) === 'true') await header.click();
  }

  /** The label and the description of each of a view's rows, from the top. */
  async rows(view: Locator): Promise<string[]> {
    const rows = await view.locator('.monaco-list-row').all();
    const parts = rows.map((row) => row.locator('.label-name, .label-description').allInnerTexts());
    return (await Promise.all(parts)).map((texts) => texts.join(' '));
  }

  /** Waits for a row of the Variables view. */
  async showsVariable(name: string, value: string): Promise<void> {
    const rows = (await this.view('Variables')).locator('.monaco-list-row');
    const row = rows.filter({ has: this.page.locator('.name', { hasText: new RegExp(`^${name}\\b`, 'u') }) });
    const shown = async (): Promise<string> => {
      const [text = ''] = await row.locator('.value').allInnerTexts();
      return text.trim();
    };
    const locals = rows.filter({ hasText: /^Locals$/u }).first();
    await this.until(`${name} = ${value}`, async () => {
      // VS Code unfolds the first scope of a stop as a rule, not always.
      if ((await row.count()) === 0 && (await locals.getAttribute('aria-expanded')) === 'false')
        await locals.click();
      return (await shown()) === value;
    });
  }

  async showsRow(view: Locator, start: string): Promise<void> {
    const shows = async (): Promise<boolean> => (await this.rows(view)).some((row) => row.startsWith(start));
    await this.until(`the row "${start}"`, shows);
  }

  /** Waits until the Checkpoints view shows the instant that the status bar shows: it is drawn anew at every stop. */
  async treeSettles(view: Locator): Promise<void> {
    await this.until('the tree to be of now', async () => {
      const here = (await this.rows(view)).find((row) => row.startsWith('You are here'));
      return here?.replace('You are here ', '') === (await this.time()).split(' ')[0];
    });
  }

  /** An action that shows on a row of the Checkpoints view while the mouse is over it. */
  async rowAction(view: Locator, row: string, action: string): Promise<void> {
    await this.treeSettles(view);
    const line = view.locator('.monaco-list-row').filter({ hasText: row });
    await line.hover();
    await line.getByRole('button', { name: action }).click();
  }

  /** What the terminal shows, without blank ends of lines and blank lines at the end. */
  async terminal(): Promise<string> {
    const lines = await this.page.locator('.xterm:visible .xterm-rows > div').allInnerTexts();
    return lines
      .map((line) => line.replace(/\u00a0/gu, ' ').trimEnd())
      .join('\n')
      .trimEnd();
  }

  /** Types into the terminal once `when` holds. */
  async typeInTerminal(text: string, when: () => Promise<boolean>): Promise<void> {
    await this.until('the terminal to type in', when);
    await this.page.locator('.xterm:visible').click();
    await this.page.keyboard.type(text);
  }

  /** The status bar's item that shows the guest's time. */
  async time(): Promise<string> {
    const item = this.page.locator('.statusbar-item[id="chronovisor.chronovisor.time"]');
    return (await item.innerText()).replace(/\s+/gu, ' ').trim();
  }

  /** Asks again and again, because what is asked is made of several elements; fails with a picture. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + WAIT_MS;
    while (!(await holds())) {
      if (performance.now() > end) {
        await this.picture('failed');
        throw new Error(`waited in vain for ${what}; see .cache/e2e/failed.png`);
      }
      // One frame of the browser's: the pace of what is looked at.
      await this.page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))');
    }
  }
}
