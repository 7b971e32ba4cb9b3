/** A VS Code of its own for a suite, with the extension installed, the guest of fixture/ as its folder, and guest.c open. */
import assert from 'node:assert/strict';
import type { Context } from 'mocha';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { packVsix, requireVscode, VscodeServer } from './server';
import { openBrowser, Workbench } from './workbench';

const fixture = join(__dirname, '../fixture');

const source = readFileSync(join(fixture, 'guest.c'), 'utf8').split('\n');

/** The number of the line of guest.c that holds `text`. */
export function lineOf(text: string): number {
  const index = source.findIndex((line) => line.includes(text));
  assert.notEqual(index, -1, text);
  return index + 1;
}

/** Opened in `before`, closed in `after`, however far it came. */
export class Desk {
  private server: VscodeServer | undefined;
  private browser: Browser | undefined;

  /** Skips the suite where there is no VS Code. */
  async open(context: Context, workspace: string): Promise<Workbench> {
    context.timeout(600_000);
    requireVscode(context);
    this.server = new VscodeServer();
    this.server.install(packVsix());
    await this.server.start();
    this.browser = await openBrowser();
    return Workbench.open(this.browser, this.server, this.server.workspace(fixture, workspace), 'guest.c');
  }

  async close(): Promise<void> {
    await this.browser?.close();
    await this.server?.stop();
  }
}
