/**
 * Outside judges may be absent: a test that needs one says so first and is then skipped, with the reason printed.
 * Under CI=true nothing is skipped: there an absent tool fails the test, so that a green run means that it ran.
 */
import type { Context } from 'mocha';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** True where nothing may be skipped. */
export const inCi = (): boolean => process.env['CI'] === 'true';

/** The full path of a command, or undefined. mkfs.ext4 and the like may be outside a user's PATH. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Skips the test (or suite, from a `before`) with a printed reason; under CI=true it throws instead. */
export function skipBecause(context: Context, reason: string): never {
  if (inCi()) throw new Error(`cannot be skipped under CI=true: ${reason}`);
  console.log(`      skipped: ${reason}`);
  return context.skip();
}

/** Needs all these commands: `requireTool(this, 'readelf', 'objdump')`. */
export function requireTool(context: Context, ...names: string[]): void {
  const missing = names.filter((name) => findTool(name) === undefined);
  if (missing.length > 0) skipBecause(context, `${missing.join(', ')} not installed`);
}

/** Needs all these files. */
export function requireFile(context: Context, ...paths: string[]): void {
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0) skipBecause(context, `${missing.join(', ')} not there`);
}
