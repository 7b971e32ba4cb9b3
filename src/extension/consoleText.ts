/**
 * The guest's console bytes as text for a terminal, and back. A sequence of UTF-8 may be split between two messages, so
 * a stream keeps the beginning of it. A lone line feed becomes carriage return and line feed, as a Unix terminal
 * does for its programs: bare-metal guests write no carriage returns.
 */

/** Clears the screen and the lines scrolled out of it, and goes to the upper left. */
export const CLEAR = '\u001b[0m\u001b[2J\u001b[3J\u001b[H';

export class ConsoleStream {
  private decoder = new TextDecoder();
  private endedInReturn = false;

  /** The text to show next. `reset`: these bytes are all there is. */
  push(bytes: Uint8Array, reset = false): string {
    if (reset) {
      this.decoder = new TextDecoder();
      this.endedInReturn = false;
    }
    const text = this.decoder.decode(bytes, { stream: true });
    const first = this.endedInReturn && text.startsWith('\n') ? '\n' : '';
    const rest = text.slice(first.length);
    if (text !== '') this.endedInReturn = text.endsWith('\r');
    return (reset ? CLEAR : '') + first + rest.replace(/(?<!\r)\n/gu, '\r\n');
  }
}
