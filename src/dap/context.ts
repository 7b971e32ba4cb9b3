/**
 * What the groups of requests share: the phase of the session, the guest, and the one move through time that may be under
 * way. Only `startMove` and `interrupt` change whether the guest runs, so that a `stopped` event follows every move.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { messageOf, unreachable, userError } from '../base/errors';
import { DisposableStore, Emitter, type Event } from '../base/events';
import type { LaunchConfiguration } from '../protocol';
import type { Debuggee, HartView, MoveOptions, Stop } from '../timetravel/api';
import type { Call, Needs } from './dispatcher';
import { guestRunning, noGuest, sessionEnded, threadUnknown } from './errors';
import type { Keeping, SessionHost } from './ports';
import { ProgressReporter } from './progress';
import type { SearchGate } from '../symbols/search';
import type { Symbols } from '../symbols/symbols';
import { isProcessOf } from './process-match';
import { Spaces, type Place } from './spaces';
import type { GuestProgram, UnplacedProgram } from './spaces';

export interface Guest {
  readonly debuggee: Debuggee;
  /** Of the kernel's side: what holds at a hart or in a frame is symbolsOf(view). */
  readonly symbols: Symbols;
  readonly programs?: readonly GuestProgram[];
  readonly unplaced?: readonly UnplacedProgram[];
  /** Of its symbol files: who waits for them. */
  readonly searches?: SearchGate;
  readonly symbolWarnings?: readonly string[];
  readonly programPath: string;
  readonly entry?: bigint;
  readonly configuration: LaunchConfiguration;
  /** Where its checkpoints are kept for good; else `notice` may say why nowhere. */
  readonly keeping?: Keeping;
  readonly notice?: string;
  /** Says that the host could not read a disk. */
  readonly diskErrors?: Event<string>;
  /** The saved checkpoint that it began with. */
  readonly resumedFrom?: string;
  /** When it has been disposed of, and nothing is being saved any more. */
  close?(): Promise<void>;
}

/**
 * fresh: before initialize. initialized: before launch. opening: launch is building the machine. configuring: until
 * configurationDone. ended: after terminate or disconnect.
 */
export type Phase = 'fresh' | 'initialized' | 'opening' | 'configuring' | 'stopped' | 'running' | 'ended';

/** How a move ended, and how to tell the user. */
export interface StopReport {
  readonly stop: Stop;
  /** DAP's word for a move that reached its goal: step, goto, entry, ... */
  readonly reason: string;
  readonly description?: string;
  readonly hart?: number;
}

/** What a move is given. Its options carry cancellation and progress; spread them into every call of the debuggee. */
export interface Move {
  readonly options: MoveOptions;
  readonly cancelled: () => boolean;
}

interface CurrentMove {
  cancelled: boolean;
  /** The guest shall go elsewhere right away: nobody is told of this stop. */
  silent: boolean;
  readonly requestSeq: number;
  readonly progress: ProgressReporter;
  readonly ended: Promise<void>;
  finish(): void;
}

export interface ClientTraits {
  linesStartAt1: boolean;
  columnsStartAt1: boolean;
  progress: boolean;
  invalidated: boolean;
  memoryEvents: boolean;
  /** Escape sequences in output and values. */
  ansi: boolean;
}

export const threadIdOf = (hart: number): number => hart + 1;

export class SessionContext {
  phase: Phase = 'fresh';
  readonly client: ClientTraits = {
    linesStartAt1: true,
    columnsStartAt1: true,
    progress: false,
    invalidated: false,
    memoryEvents: false,
    ansi: false,
  };
  /** Ends with the session. */
  readonly owned = new DisposableStore();
  /** The guest stands at another instant, or its state was changed: what was looked up is worthless. */
  readonly staled = this.owned.add(new Emitter<void>());
  /** After the `stopped` event. */
  readonly stopped = this.owned.add(new Emitter<Stop>());
  /** The debugger itself changed the guest. */
  readonly altered = this.owned.add(new Emitter<void>());
  /** Requests that wait for a search in the symbols. */
  readonly searching = new Set<{ requestSeq: number; progressId: string; cancelled: boolean }>();
  lastStop: StopReport | undefined;
  /** Of the last stop: where expressions and addresses without a thread are looked at. */
  private focus: number | undefined;
  private openGuest: Guest | undefined;
  private openSpaces: Spaces | undefined;
  private current: CurrentMove | undefined;
  private nextProgressId = 1;

  constructor(
    readonly host: SessionHost,
    private readonly send: (event: Omit<DebugProtocol.Event, 'seq'>) => void,
    /** Makes `hitBreakpointIds` and reason of a stop. */
    private readonly describeHit: (stop: Stop) => Partial<DebugProtocol.StoppedEvent['body']>,
  ) {}

  event(event: string, body?: object): void {
    this.send({ type: 'event', event, ...(body === undefined ? {} : { body }) });
  }

  output(text: string, category: 'console' | 'stdout' | 'important' = 'console'): void {
    const styled = category === 'important' && this.client.ansi ? `\u001b[33m${text}\u001b[0m` : text;
    this.event('output', {
      category,
      output: text.endsWith('\n') || category === 'stdout' ? styled : `${styled}\n`,
    });
  }

  /** Throws the coded error that says why the session cannot serve such a request now. */
  gate(needs: Needs): void {
    if (needs === 'nothing') return;
    if (this.phase === 'fresh') throw userError('NOT_INITIALIZED', 'the first request must be "initialize"');
    if (this.phase === 'ended') throw sessionEnded();
    if (needs === 'initialized') return;
    if (this.openGuest === undefined) throw noGuest();
    if (needs === 'stopped' && this.phase === 'running') throw guestRunning();
  }

  get guest(): Guest {
    if (this.openGuest === undefined) throw noGuest();
    return this.openGuest;
  }

  get debuggee(): Debuggee {
    return this.guest.debuggee;
  }

  get hasGuest(): boolean {
    return this.openGuest !== undefined;
  }

  /** Which symbols hold where. */
  get spaces(): Spaces {
    if (this.openSpaces === undefined) throw noGuest();
    return this.openSpaces;
  }

  /** Symbols for what a hart executes. */
  symbolsOf(place: Place): Symbols {
    return this.spaces.at(place);
  }

  adopt(guest: Guest): void {
    this.openGuest = guest;
    const only: GuestProgram = { id: 1, path: guest.programPath, space: 'kernel', symbols: guest.symbols };
    this.openSpaces = new Spaces(
      guest.programs ?? [only],
      isProcessOf(guest, (text) => this.output(text, 'important')),
      guest.unplaced,
    );
    this.owned.add(guest.debuggee);
  }

  get isRunning(): boolean {
    return this.current !== undefined;
  }

  hartOf(threadId: number): number {
    if (threadId < 1 || threadId > this.debuggee.hartCount) throw threadUnknown(threadId);
    return threadId - 1;
  }

  view(hart: number): HartView {
    return this.debuggee.hart(hart);
  }

  get focusHart(): number {
    return this.focus ?? this.debuggee.activeHart;
  }

  /**
   * Starts a move once the request has been answered, as DAP wants it of stepping and continuing. The guest counts as
   * running from now on: call this last. If `run` rejects, the guest stops where it is, with the error shown.
   */
  startMove(call: Call, title: string, run: (move: Move) => Promise<StopReport>): void {
    const move = this.beginMove(call, title);
    call.after(() => {
      void this.perform(move, run).then(({ report, error }) => {
        if (error !== undefined) this.output(messageOf(error), 'important');
        this.tell(move, report);
      });
    });
  }

  /** The same for requests that are answered when the guest is there: the events follow the answer. */
  async moveNow(call: Call, title: string, run: (move: Move) => Promise<StopReport>): Promise<void> {
    const move = this.beginMove(call, title);
    // No DAP request tells the client that the guest moves now.
    this.event('continued', { threadId: threadIdOf(0), allThreadsContinued: true });
    const { report, error } = await this.perform(move, run);
    if (error === undefined) {
      call.after(() => this.tell(move, report));
      return;
    }
    // Events do not follow an error response, but clients must know that the guest stands again.
    this.tell(move, report);
    throw error instanceof Error ? error : new TypeError(messageOf(error));
  }

  private beginMove(call: Call, title: string): CurrentMove {
    if (this.current !== undefined) throw guestRunning();
    let finish = (): void => undefined;
    const ended = new Promise<void>((resolve) => (finish = resolve));
    const progress = new ProgressReporter(this, `move-${this.nextProgressId++}`, title, call.seq);
    this.current = { cancelled: false, silent: false, requestSeq: call.seq, progress, ended, finish };
    this.phase = 'running';
    this.staled.fire();
    return this.current;
  }

  private async perform(
    move: CurrentMove,
    run: (move: Move) => Promise<StopReport>,
  ): Promise<{ readonly report: StopReport; readonly error?: unknown }> {
    const onProgress = (fraction: number, message: string): void => move.progress.report(fraction, message);
    try {
      const report = await run({ options: { cancel: move, onProgress }, cancelled: () => move.cancelled });
      return { report };
    } catch (error) {
      const description = `Stopped: ${messageOf(error)}`;
      return { report: { stop: { kind: 'paused' }, reason: 'pause', description }, error };
    } finally {
      move.progress.end();
      this.current = undefined;
      if (this.phase === 'running') this.phase = 'stopped';
      this.staled.fire();
      move.finish();
    }
  }

  private tell(move: CurrentMove, report: StopReport): void {
    if (!move.silent && this.phase === 'stopped') this.tellStopped(report);
  }

  /** Asks the move under way to stop soon; its `stopped` event follows. */
  pause(): void {
    if (this.current !== undefined) this.current.cancelled = true;
  }

  /** True when there was such a move. */
  cancel(which: { requestSeq?: number | undefined; progressId?: string | undefined }): boolean {
    for (const one of this.searching) {
      if (one.requestSeq !== which.requestSeq && one.progressId !== which.progressId) continue;
      one.cancelled = true;
      return true;
    }
    const { current } = this;
    if (current === undefined) return false;
    if (current.requestSeq !== which.requestSeq && current.progress.id !== which.progressId) return false;
    current.cancelled = true;
    return true;
  }

  /** Stops the move under way without a word, because another one follows at once (or the session ends). */
  async interrupt(): Promise<void> {
    const { current } = this;
    if (current === undefined) return;
    current.cancelled = true;
    current.silent = true;
    await current.ended;
  }

  tellStopped(report: StopReport): void {
    this.lastStop = report;
    const hit = 'hart' in report.stop ? report.stop.hart : undefined;
    const hart = hit ?? report.hart ?? this.debuggee.activeHart;
    this.focus = hart;
    const body: DebugProtocol.StoppedEvent['body'] = {
      reason: report.reason,
      ...describe(report),
      threadId: threadIdOf(hart),
      allThreadsStopped: true,
      ...this.describeHit(report.stop),
    };
    this.event('stopped', body);
    this.stopped.fire(report.stop);
  }

  /** The debugger changed the guest: frames and values are to be asked for anew. */
  changed(areas: DebugProtocol.InvalidatedAreas[]): void {
    this.staled.fire();
    if (this.client.invalidated) this.event('invalidated', { areas });
    this.altered.fire();
  }

  dispose(): void {
    this.phase = 'ended';
    this.owned.dispose();
  }
}

/** The words for the stops that are no hits; hits are described by their breakpoints. */
function describe({ stop, description }: StopReport): Partial<DebugProtocol.StoppedEvent['body']> {
  switch (stop.kind) {
    case 'done':
      return description === undefined ? {} : { description };
    case 'paused':
      return { reason: 'pause', ...(description === undefined ? {} : { description, text: description }) };
    case 'beginning':
      return {
        reason: 'beginning',
        description: 'Paused at the beginning of the recording',
        text: 'beginning of recording',
      };
    case 'exited': {
      const text = `guest ended: ${stop.reason}, exit code ${stop.exitCode}; only its past is left`;
      return { reason: 'exited', description: `Guest ended with exit code ${stop.exitCode}`, text };
    }
    case 'diverged':
      return { reason: 'exception', description: 'Replay differs from its recording', text: stop.message };
    case 'breakpoint':
    case 'watchpoint':
    case 'trap':
      return {};
    default:
      return unreachable(stop);
  }
}
