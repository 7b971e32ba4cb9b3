/**
 * The debuggee: moves a recording through time, forwards by running or replaying, backwards by restoring a checkpoint
 * and replaying. Replay is the only direction a guest can run, so every backward search scans forward between two
 * checkpoints and keeps the last hit (see search.ts).
 */
import type { Instret, PhysAddr } from '../base/brand';
import { invariant, userError } from '../base/errors';
import { Emitter, type Event } from '../base/events';
import type { CheckpointArchive, SaveJob } from '../checkpoint/archive';
import type { MachineConfig } from '../machine/config';
import type { DiskContents } from '../machine/device';
import { ArmedPoints } from './armed-points';
import type {
  CheckpointInfo,
  ConsoleOutput,
  Debuggee,
  DeviceState,
  Hit,
  HartView,
  HostClock,
  MoveOptions,
  Pokes,
  Stop,
  StopPoints,
} from './api';
import { Checkpoints } from './checkpoints';
import { ConsoleShow } from './console-show';
import { hartView } from './hart-view';
import { pokesOf } from './pokes';
import { stepAlone, stepHart, stepHartBack } from './hart-walk';
import type { Input } from './log';
import { sleepTicks } from './idle';
import { Recording, type SliceResult } from './recording';
import { STEP_BACK_REACH } from './retention';
import { PageSources, type SavedCheckpoint } from './saved-state';
import type { SaveCheckpointOptions } from './saving';
import { ReverseSearch } from './search';

export interface TimeMachineOptions {
  readonly clock: HostClock;
  /** Idle time: `skip` jumps to the next deadline, `wait` lets as much host time pass. */
  readonly idle: 'skip' | 'wait';
  /** Off: no automatic checkpoints; going back replays from the last one taken by hand. */
  readonly record: boolean;
  readonly memoryBudgetBytes?: number;
  /** What a guest that waits for input only, with idle `skip`, does: wait for input, or stop as paused. */
  readonly onDeadIdle?: 'wait' | 'pause';
  /** See RecordingOptions. */
  readonly onFirstOutput?: (byte: number) => boolean;
  /**
   * The recording begins with this saved state, with the disks that the configuration has. It is closed by dispose, but by
   * the caller when the constructor throws. What its console had shown is in consoleHistory, and not shown again.
   */
  readonly from?: SavedCheckpoint;
}

/** 1.5 GiB: fits beside 2 GiB of guest RAM in 4 GiB of linear memory. */
const DEFAULT_BUDGET = 1.5 * 2 ** 30;
/** Of a move: the guest does not run the way between. */
const JUMPS = { jumps: true };
/** Milliseconds between yields to the host: a pause is answered within two of them. */
const YIELD_EVERY = 10;

export class TimeMachine implements Debuggee {
  private readonly recording: Recording;
  private readonly sources = new PageSources(() => this.recording.machine.memory);
  private readonly nodes: Checkpoints;
  private readonly shown: ConsoleShow;
  private branchesTold = 0; // how many branches listeners know of
  private readonly armed: ArmedPoints;
  private readonly views: HartView[] = [];
  private moving = false;
  /** The move under way goes back in time: what lies between is not shown. */
  private jumping = false;
  private pendingInput: Uint8Array[] = [];
  private wake: (() => void) | undefined;
  private lastYield = 0;
  private hitHart: number | undefined;
  private alone: number | undefined;
  /** The instant of the trap before which the guest has stopped. */
  private trapStop: number | undefined;
  private readonly treeEmitter = new Emitter<void>();
  private readonly timeEmitter = new Emitter<void>();
  readonly onConsole: Event<ConsoleOutput>;
  readonly onCheckpointsChanged = this.treeEmitter.event;
  readonly onTime = this.timeEmitter.event;
  readonly poke: Pokes;

  /** Throws, with options.from, UserError('CHECKPOINT_OTHER_GUEST'), and what restoring a damaged state throws. */
  constructor(
    readonly config: MachineConfig,
    private readonly options: TimeMachineOptions,
  ) {
    const { from } = options;
    this.recording = new Recording(config, {
      now: () => options.clock.now(),
      memoryBudgetBytes: options.memoryBudgetBytes ?? DEFAULT_BUDGET,
      ...(options.onFirstOutput ? { onFirstOutput: options.onFirstOutput } : {}),
      ...(from ? { from: (machine) => this.sources.attach(machine, from) } : {}),
    });
    this.shown = new ConsoleShow(this.recording);
    this.onConsole = this.shown.onConsole;
    this.nodes = new Checkpoints(this.recording, this.sources, () => {
      this.treeEmitter.fire();
    });
    this.armed = new ArmedPoints(this.recording.machine.stops);
    this.poke = pokesOf(this.recording, (input) => {
      this.change(input);
    });
    this.noteBranch();
  }

  // --- where we are

  get hartCount(): number {
    return this.config.harts;
  }
  get now(): Instret {
    return this.recording.now;
  }
  get begin(): Instret {
    return this.recording.begin;
  }
  get end(): Instret {
    return Math.max(this.recording.branch.end, this.now) as Instret;
  }
  get live(): boolean {
    return this.recording.live;
  }
  get branch(): number {
    return this.recording.branch.id;
  }
  get activeHart(): number {
    return this.hitHart ?? this.recording.machine.harts.current;
  }
  get exited(): Extract<Stop, { kind: 'exited' }> | undefined {
    const stop = this.recording.machine.finishedState;
    return stop ? { kind: 'exited', reason: stop.reason, exitCode: stop.exitCode } : undefined;
  }

  hart(id: number): HartView {
    return (this.views[id] ??= hartView(this.recording, id));
  }

  readPhysical(address: PhysAddr, length: number): Uint8Array | undefined {
    return this.recording.machine.looks.physical(address, length);
  }

  devices = (): readonly DeviceState[] => this.recording.machine.deviceStates();

  stateHash(): string {
    return this.recording.machine.stateHash();
  }

  // --- changes by the debugger (I7)

  private change(input: Input): void {
    this.recording.input(input);
    this.noteBranch();
    this.timeEmitter.fire();
  }

  private noteBranch(): void {
    const { size } = this.recording.branches;
    if (this.branchesTold === size) return;
    this.branchesTold = size;
    this.treeEmitter.fire();
  }

  consoleInput(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.moving) {
      this.pendingInput.push(bytes.slice());
      this.wake?.();
    } else this.change({ kind: 'console', bytes: bytes.slice() });
  }

  consoleHistory(): Uint8Array {
    return this.shown.history();
  }

  // --- stop points

  setStopPoints(points: StopPoints): void {
    this.armed.choose(points);
    if (this.moving) this.armed.arm();
  }

  setAlone(hart: number | undefined): void {
    invariant(hart === undefined || (hart >= 0 && hart < this.hartCount), 'hart exists');
    this.alone = hart;
  }

  // --- moving

  /** One moving operation at a time; the console and the clock are brought up to date behind it. */
  private async move(action: () => Promise<Stop>, options = { jumps: false }): Promise<Stop> {
    if (this.moving) throw userError('GUEST_RUNNING', 'The guest is running: pause it first.');
    this.moving = true;
    this.jumping = options.jumps;
    this.hitHart = undefined;
    this.lastYield = this.options.clock.now();
    try {
      return await action();
    } finally {
      this.moving = false;
      this.armed.passNothing();
      this.armed.disarm();
      this.shown.flush(options.jumps);
      for (const bytes of this.pendingInput.splice(0)) this.change({ kind: 'console', bytes });
      this.noteBranch();
      this.timeEmitter.fire();
    }
  }

  /** Lets the host handle messages now and then; shows what the console got meanwhile, on a way that leads forwards. */
  private async breathe(): Promise<void> {
    const now = this.options.clock.now();
    if (now - this.lastYield < YIELD_EVERY) return;
    if (!this.jumping) {
      this.shown.flush(false);
      this.timeEmitter.fire();
    }
    await this.options.clock.yield();
    this.lastYield = this.options.clock.now();
  }

  /** Forwards to `goal` at most, until an accepted hit; without stop points to the end of the guest. */
  private async forward(
    goal: number,
    options: MoveOptions,
    stops: boolean,
    /** Asked at the end of each slice whether this is far enough. */
    enough?: () => boolean,
  ): Promise<Stop> {
    const { recording } = this;
    const { machine } = recording;
    const origin = this.now;
    const standingBeforeTrap = this.trapStop === origin;
    this.trapStop = undefined;
    this.recording.hold(this.alone);
    if (stops) {
      this.armed.arm(options.temporary ?? []);
      const hart = machine.upcoming()?.hart ?? machine.harts.current;
      machine.stops.passBreakpoint(origin, machine.pc(hart));
      machine.stops.passTrap(standingBeforeTrap ? origin : -1);
    }
    for (;;) {
      if (options.cancel?.cancelled) return { kind: 'paused' };
      this.takeInput();
      this.recording.hold(this.alone);
      const stop = recording.slice(goal);
      const hit = this.armed.hitOf(stop);
      if (hit) {
        this.hitHart = hit.hart;
        if (!options.accept || options.accept(hit)) return this.stopAt(hit);
        this.hitHart = undefined;
        this.armed.pass(hit, this.now);
      } else {
        const ended = await this.carryOn(stop, options);
        if (ended) return ended;
      }
      if (this.options.record) recording.automaticCheckpoint();
      if (enough?.() === true) return { kind: 'done' };
      if (options.onProgress && goal !== Infinity) {
        options.onProgress((this.now - origin) / Math.max(1, goal - origin), 'replaying');
      }
      await this.breathe();
    }
  }

  /** Standing before a trap, going on takes it. */
  private stopAt(hit: Hit): Hit {
    this.trapStop = hit.kind === 'trap' ? this.now : undefined;
    return hit;
  }

  /** Does what a slice's end asks for; a Stop when the move ends. */
  private async carryOn(stop: SliceResult, options: MoveOptions): Promise<Stop | undefined> {
    switch (stop.kind) {
      case 'reached':
        return { kind: 'done' };
      case 'finished':
        return { kind: 'exited', reason: stop.reason, exitCode: stop.exitCode };
      case 'diverged':
        return { kind: 'diverged', message: stop.message };
      case 'waiting':
        await stop.waiting.whenReady();
        return undefined;
      case 'idle':
        return this.idle(stop.skipTicks, options);
      default:
        return undefined;
    }
  }

  private takeInput(): void {
    if (this.pendingInput.length === 0 || !this.recording.settle()) return;
    for (const bytes of this.pendingInput.splice(0)) this.change({ kind: 'console', bytes });
  }

  /** All harts wait, live: time jumps, or passes with the host's (I2: either way it is logged). */
  private async idle(skipTicks: number | undefined, options: MoveOptions): Promise<Stop | undefined> {
    const { clock } = this.options;
    if (this.options.idle === 'skip' && skipTicks !== undefined) {
      this.recording.input({ kind: 'idle', ticks: skipTicks });
      return undefined;
    }
    if (skipTicks === undefined && this.options.onDeadIdle === 'pause') return { kind: 'paused' };
    this.shown.flush(false);
    const ticks = await sleepTicks(clock, skipTicks, (wake) => {
      this.wake = wake;
      if (this.pendingInput.length > 0 || options.cancel?.cancelled) wake();
    });
    this.wake = undefined;
    this.recording.input({ kind: 'idle', ticks });
    return undefined;
  }

  resume(options: MoveOptions = {}): Promise<Stop> {
    return this.move(() => this.forward(Infinity, options, true));
  }

  seek(goal: Instret, options: MoveOptions = {}): Promise<Stop> {
    const back = goal < this.now;
    return this.move(() => this.goTo(Math.max(this.begin, goal), options), { jumps: back });
  }

  /** To an instant, from where replay is shortest. */
  private async goTo(goal: number, options: MoveOptions): Promise<Stop> {
    const { recording } = this;
    const best = recording.before(Math.min(goal, recording.branch.end));
    if (goal < this.now || best.state.instret > this.now) recording.rewind(best);
    if (goal === this.now) return { kind: 'done' };
    const near = goal - STEP_BACK_REACH;
    if (this.options.record && near - this.now > STEP_BACK_REACH) {
      const stop = await this.forward(near, options, false);
      if (stop.kind !== 'done') return stop;
      recording.automaticCheckpoint(STEP_BACK_REACH);
    }
    return this.forward(goal, options, false);
  }

  async stepInstructions(hart: number, count: number, options: MoveOptions = {}): Promise<Stop> {
    return this.move(async () => {
      this.recording.hold(this.alone);
      const stop = await stepHart(this.recording, hart, count, (goal, enough) =>
        this.forward(goal, options, true, enough),
      );
      if (stop.kind === 'done') this.hitHart = hart;
      return stop;
    });
  }

  stepSync(hart: number): { readonly kind: 'done' } | undefined {
    invariant(!this.moving, 'one moving operation at a time');
    this.recording.hold(this.alone);
    if (!stepAlone(this.recording, hart)) return undefined;
    this.shown.flush(false);
    return { kind: 'done' };
  }

  // --- backwards

  reverseResume(options: MoveOptions = {}): Promise<Stop> {
    return this.move(async () => {
      const search = new ReverseSearch(this.recording, {
        points: this.armed,
        accept: (hit) => {
          this.hitHart = hit.hart;
          return options.accept?.(hit) ?? true;
        },
        breathe: () => this.breathe(),
        goTo: (instant) => this.goTo(instant, {}),
      });
      const stop = await search.run(this.now, options);
      this.hitHart = 'hart' in stop ? stop.hart : undefined;
      return 'hart' in stop ? this.stopAt(stop) : stop;
    }, JUMPS);
  }

  reverseStepInstructions(hart: number, count: number, options: MoveOptions = {}): Promise<Stop> {
    return this.move(async () => {
      if (this.hartCount === 1) {
        const beyond = this.now - count < this.begin;
        const stop = await this.goTo(Math.max(this.begin, this.now - count), options);
        return beyond && stop.kind === 'done' ? { kind: 'beginning' } : stop;
      }
      const stop = await stepHartBack(this.recording, hart, count, (goal) => this.goTo(goal, options));
      if (stop.kind === 'done') this.hitHart = hart;
      return stop;
    }, JUMPS);
  }

  async restart(): Promise<void> {
    await this.move(async () => {
      this.recording.restore(this.recording.root.id);
      if (this.recording.branch.end > this.begin) this.recording.fork();
      this.noteBranch();
      await this.options.clock.yield();
      return { kind: 'done' };
    }, JUMPS);
  }

  // --- checkpoints

  takeCheckpoint(name?: string): CheckpointInfo {
    return this.nodes.take(name);
  }

  restoreCheckpoint(id: string, options: MoveOptions = {}): Promise<Stop> {
    this.recording.tree.get(id);
    return this.move(async () => {
      this.recording.restore(id);
      await this.options.clock.yield();
      return options.cancel?.cancelled ? { kind: 'paused' } : { kind: 'done' };
    }, JUMPS);
  }

  renameCheckpoint(id: string, name: string): void {
    this.nodes.rename(id, name);
  }
  deleteCheckpoint(id: string): void {
    this.nodes.delete(id);
  }
  checkpoints(): readonly CheckpointInfo[] {
    return this.nodes.list();
  }
  get currentCheckpoint(): string | undefined {
    return this.nodes.current;
  }
  saveCheckpoint(id: string, archive: CheckpointArchive, options: SaveCheckpointOptions): SaveJob {
    return this.nodes.save(id, archive, options);
  }
  adoptCheckpoint(saved: SavedCheckpoint, disks: readonly DiskContents[] = []): CheckpointInfo {
    return this.nodes.adopt(saved, disks);
  }
  forgetSaved(archivePath: string, savedId: string): void {
    this.nodes.forgetSaved(archivePath, savedId);
  }

  dispose(): void {
    this.shown.dispose();
    this.treeEmitter.dispose();
    this.timeEmitter.dispose();
    this.sources.closeAll();
    for (const disk of this.config.disks ?? []) disk.onDispose?.();
  }
}
