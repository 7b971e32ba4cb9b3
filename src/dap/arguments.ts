/** Reads what several requests have in their arguments, and the fields that protocol/message.ts has no reader for. */
import { userError } from '../base/errors';
import { Message } from '../protocol/message';

/** A whole number that may be negative: offsets. */
export function integer(args: Message, key: string): number | undefined {
  const value = args.field(key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw args.wrong(key, 'a whole number', value);
}

/** The path of a `source`; our sources have no references of their own. */
export function sourcePath(args: Message): string {
  return args.part('source', (value) => {
    const path = new Message('source', value).optionalText('path');
    if (path === undefined || path === '') throw userError('SOURCE_PATH', 'the source has no path');
    return path;
  });
}

/** `format.hex`. */
export function wantsHex(args: Message): boolean {
  const format = args.field('format');
  return format !== undefined && (new Message('format', format).optionalFlag('hex') ?? false);
}
