/**
 * `npm run demo`: debugs the sample guest of this folder forwards and backwards through the real debug adapter, and shows
 * what happens. In colour on a terminal, plainly into a pipe. The exit code is 0 only if every step did what it says.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { styleOf } from './show';
import { tour } from './tour';

/** Beside this file, or (bundled into dist/) in samples/demo. */
function guestFolder(): string {
  const folders = [__dirname, join(__dirname, '..', 'samples', 'demo')];
  const found = folders.find((folder) => existsSync(join(folder, 'bank.elf')));
  if (found === undefined) throw new Error('samples/demo/bank.elf is missing: see samples/demo/Makefile');
  return found;
}

const { NO_COLOR: noColour, TERM: terminal } = process.env;
const colours = process.stdout.isTTY && (noColour ?? '') === '' && terminal !== 'dumb';
const style = styleOf(colours);

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

// `npm run demo | head` closes the pipe: nobody reads on, and there is nothing to complain about.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

async function main(): Promise<void> {
  // Until all is well: an adapter that never answers would let the process end without a word.
  process.exitCode = 1;
  await tour(guestFolder(), print, style, () => performance.now());
  process.exitCode = 0;
}

main().catch((error: unknown) => {
  console.error(style.red(`demo: ${error instanceof Error ? error.message : String(error)}`));
});
