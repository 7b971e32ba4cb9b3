/**
 * The guest's console as a VS Code terminal, one for each session whose launch asks for it. Where the session goes
 * back in time, the adapter sends what the console showed then, and the terminal's name says that this is the past.
 */
import * as vscode from 'vscode';
import { messageOf } from '../base/errors';
import { decodeBase64, encodeBase64, parseConsoleHistory, REQUEST, type ConsoleOutput } from '../protocol';
import { ConsoleStream } from './consoleText';
import type { GuestSession, Sessions } from './sessions';

const NAME = 'Guest Console';

class GuestTerminal implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly renamed = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<void>();
  private readonly stream = new ConsoleStream();
  /** Text that came before the terminal was on the screen: VS Code drops what is written before open(). */
  private early: string | undefined = '';
  private isOver = false;
  readonly onDidWrite = this.written.event;
  readonly onDidChangeName = this.renamed.event;
  readonly onDidClose = this.closed.event;
  readonly terminal = vscode.window.createTerminal({ name: NAME, pty: this, isTransient: true });

  constructor(private readonly send: (text: string) => void) {}

  open(): void {
    const early = this.early ?? '';
    this.early = undefined;
    if (early !== '') this.written.fire(early);
  }

  close(): void {
    this.written.dispose();
    this.renamed.dispose();
    this.closed.dispose();
  }

  handleInput(text: string): void {
    if (this.isOver) this.closed.fire();
    else this.send(text);
  }

  show(output: ConsoleOutput): void {
    this.write(this.stream.push(decodeBase64(output.data), output.reset));
  }

  showTime(live: boolean): void {
    this.renamed.fire(live ? NAME : `${NAME} (past)`);
  }

  end(): void {
    this.isOver = true;
    this.write('\r\n\u001b[2mThe debug session is over. Press a key to close this.\u001b[0m\r\n');
  }

  private write(text: string): void {
    if (this.early === undefined) this.written.fire(text);
    else this.early += text;
  }
}

export class GuestConsoles implements vscode.Disposable {
  private readonly open = new Map<GuestSession, GuestTerminal>();
  private readonly over = new Set<GuestTerminal>();
  private readonly owned: vscode.Disposable[];

  constructor(
    private readonly sessions: Sessions,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.owned = [
      sessions.onDidBegin((session) => {
        if (session.debug.configuration['console'] !== 'debugConsole') this.start(session);
      }),
      sessions.onDidEnd((session) => this.finish(session)),
      sessions.onDidWriteConsole(({ session, output }) => this.open.get(session)?.show(output)),
      sessions.onDidChange(() => {
        for (const [{ time }, terminal] of this.open) if (time) terminal.showTime(time.live);
      }),
      vscode.window.onDidCloseTerminal((terminal) => this.forget(terminal)),
    ];
  }

  /** Brings the shown session's console to the front; one that was closed comes back with all its text. */
  async show(): Promise<void> {
    const session = this.sessions.current;
    if (!session) throw new Error('No guest is being debugged. Start one first.');
    const existing = this.open.get(session);
    if (existing) {
      existing.terminal.show();
      return;
    }
    const history = await this.sessions.requestOf(session, REQUEST.consoleHistory, {}, parseConsoleHistory);
    const terminal = this.start(session);
    terminal.show({ data: history.data, reset: true });
    terminal.terminal.show();
  }

  dispose(): void {
    for (const each of this.owned) each.dispose();
    for (const each of [...this.open.values(), ...this.over]) each.terminal.dispose();
  }

  private start(session: GuestSession): GuestTerminal {
    for (const each of this.over) each.terminal.dispose();
    const terminal = new GuestTerminal((text) => {
      const input = { text: encodeBase64(new TextEncoder().encode(text)) };
      this.sessions
        .requestOf(session, REQUEST.consoleInput, input, () => undefined)
        .catch((error: unknown) => this.log.warn(`console input: ${messageOf(error)}`));
    });
    this.open.set(session, terminal);
    terminal.terminal.show(true);
    return terminal;
  }

  private finish(session: GuestSession): void {
    const terminal = this.open.get(session);
    if (!terminal) return;
    this.open.delete(session);
    this.over.add(terminal);
    terminal.end();
  }

  private forget(closed: vscode.Terminal): void {
    for (const each of this.over) if (each.terminal === closed) this.over.delete(each);
    for (const [session, each] of this.open) if (each.terminal === closed) this.open.delete(session);
  }
}
