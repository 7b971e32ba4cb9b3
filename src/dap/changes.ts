/** Which values are others than where the guest stood before: told to clients that show colours in values. */
import type { SessionContext } from './context';
import type { Shown } from './values';

/** Values remembered from one stop; a client shows far fewer. */
const KEPT_MAX = 10_000;

const CHANGED = '\u001b[33m';
const PLAIN = '\u001b[0m';

export class Changes {
  private before = new Map<string, string>();
  private now = new Map<string, string>();

  constructor(private readonly context: SessionContext) {
    context.owned.add(
      context.staled.event(() => {
        if (!context.isRunning || this.now.size === 0) return;
        this.before = this.now;
        this.now = new Map();
      }),
    );
  }

  /** The text of a value, in colour where the one shown at the stop before was another. */
  mark({ expression, name, scope }: Shown, text: string, format: string): string {
    // A variable is the same one only in the same function.
    const code = scope.symbols.functionAt(scope.frame?.lookupPc ?? scope.view.pc)?.name ?? '';
    const key = `${code}|${scope.frame?.activation ?? 0}|${format}|${expression ?? name}`;
    if (this.now.size < KEPT_MAX) this.now.set(key, text);
    const old = this.before.get(key);
    const isMarked = this.context.client.ansi && old !== undefined && old !== text && text !== '';
    return isMarked ? `${CHANGED}${text}${PLAIN}` : text;
  }
}

/** What a person makes of a text that had colours. */
export const withoutColours = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/gu, '');
