/**
 * Our debug sessions, and the one that the views show: the active one, or the newest when another debugger's session is
 * active. Everything that adapters send beyond DAP comes in here, is checked, and goes out as typed events.
 */
import * as vscode from 'vscode';
import { messageOf } from '../base/errors';
import {
  EVENT,
  parseCheckpointTree,
  parseConsoleOutput,
  parseSavedCheckpoints,
  parseTime,
  REQUEST,
  type CheckpointTree,
  type ConsoleOutput,
  type RequestName,
  type SavedCheckpoints,
  type TimeEvent,
} from '../protocol';

export const DEBUG_TYPE = 'chronovisor';

/** What is known of one session. */
export interface GuestSession {
  readonly debug: vscode.DebugSession;
  tree?: CheckpointTree;
  time?: TimeEvent;
  /** Asked for once the guest is there; then the adapter tells what changes. */
  saved?: SavedCheckpoints;
  isAskedForSaved: boolean;
}

export class Sessions implements vscode.Disposable {
  private readonly owned: vscode.Disposable[] = [];
  private readonly open = new Map<string, GuestSession>();
  private readonly changed = this.own(new vscode.EventEmitter<void>());
  private readonly output = this.own(
    new vscode.EventEmitter<{ session: GuestSession; output: ConsoleOutput }>(),
  );
  private readonly began = this.own(new vscode.EventEmitter<GuestSession>());
  private readonly ended = this.own(new vscode.EventEmitter<GuestSession>());

  /** The shown session is another one, or its tree or time changed. */
  readonly onDidChange = this.changed.event;
  readonly onDidWriteConsole = this.output.event;
  readonly onDidBegin = this.began.event;
  readonly onDidEnd = this.ended.event;

  constructor(private readonly log: vscode.LogOutputChannel) {
    this.own(vscode.debug.onDidStartDebugSession((debug) => this.begin(debug)));
    this.own(vscode.debug.onDidTerminateDebugSession((debug) => this.end(debug)));
    this.own(vscode.debug.onDidChangeActiveDebugSession(() => this.changed.fire()));
    this.own(vscode.debug.onDidReceiveDebugSessionCustomEvent((event) => this.receive(event)));
    this.own(
      vscode.debug.registerDebugAdapterTrackerFactory(DEBUG_TYPE, {
        createDebugAdapterTracker: (debug) => ({
          onDidSendMessage: (message: unknown) => {
            if (isStopped(message)) this.refresh(debug);
          },
        }),
      }),
    );
  }

  get current(): GuestSession | undefined {
    const active = vscode.debug.activeDebugSession;
    return (active && this.open.get(active.id)) ?? [...this.open.values()].at(-1);
  }

  /** Sends a custom request to the shown session, and checks the answer. */
  async request<T>(name: RequestName, args: object, parse: (answer: unknown) => T): Promise<T> {
    const session = this.current;
    if (!session) throw new Error('No guest is being debugged. Start one first.');
    return this.requestOf(session, name, args, parse);
  }

  async requestOf<T>(
    session: GuestSession,
    name: RequestName,
    args: object,
    parse: (answer: unknown) => T,
  ): Promise<T> {
    return parse(await session.debug.customRequest(name, args));
  }

  dispose(): void {
    for (const each of this.owned.splice(0)) each.dispose();
  }

  /** Custom events may come before VS Code says that the session has started, so either makes it known. */
  private begin(debug: vscode.DebugSession): GuestSession | undefined {
    if (debug.type !== DEBUG_TYPE) return undefined;
    const known = this.open.get(debug.id);
    if (known) return known;
    const session: GuestSession = { debug, isAskedForSaved: false };
    this.open.set(debug.id, session);
    this.showContext();
    this.began.fire(session);
    this.changed.fire();
    this.refresh(debug);
    return session;
  }

  private end(debug: vscode.DebugSession): void {
    const session = this.open.get(debug.id);
    if (!session) return;
    this.open.delete(debug.id);
    this.showContext();
    this.ended.fire(session);
    this.changed.fire();
  }

  private receive(event: vscode.DebugSessionCustomEvent): void {
    const session = this.begin(event.session);
    if (!session) return;
    try {
      this.askForSaved(session);
      if (event.event === EVENT.checkpointsChanged) session.tree = parseCheckpointTree(event.body);
      else if (event.event === EVENT.savedChanged) session.saved = parseSavedCheckpoints(event.body);
      else if (event.event === EVENT.time) session.time = parseTime(event.body);
      else if (event.event === EVENT.consoleOutput) {
        this.output.fire({ session, output: parseConsoleOutput(event.body) });
        return;
      }
      this.changed.fire();
    } catch (error) {
      this.log.error(`event ${event.event}: ${messageOf(error)}`);
    }
  }

  /** Asks for the tree: a stop may have moved us in it without any checkpoint having changed. */
  private refresh(debug: vscode.DebugSession): void {
    const session = this.open.get(debug.id);
    if (!session) return;
    this.requestOf(session, REQUEST.checkpoints, {}, parseCheckpointTree).then(
      (tree) => {
        session.tree = tree;
        this.changed.fire();
      },
      (error: unknown) => this.log.warn(`checkpoints: ${messageOf(error)}`),
    );
  }

  private askForSaved(session: GuestSession): void {
    if (session.isAskedForSaved) return;
    session.isAskedForSaved = true;
    this.requestOf(session, REQUEST.savedCheckpoints, {}, parseSavedCheckpoints).then(
      (saved) => {
        session.saved ??= saved;
        this.changed.fire();
      },
      (error: unknown) => this.log.warn(`saved checkpoints: ${messageOf(error)}`),
    );
  }

  private showContext(): void {
    void vscode.commands.executeCommand('setContext', 'chronovisor.active', this.open.size > 0);
  }

  private own<T extends vscode.Disposable>(disposable: T): T {
    this.owned.push(disposable);
    return disposable;
  }
}

const isStopped = (message: unknown): boolean =>
  typeof message === 'object' &&
  message !== null &&
  'type' in message &&
  message.type === 'event' &&
  'event' in message &&
  message.event === 'stopped';
