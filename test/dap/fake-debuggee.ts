/**
 * A Debuggee without the machine: small programs, run from power-on again for every look at the past. Slow and plain, so
 * that the adapter's tests have something that is obviously right to stand on.
 */
import { instret, type Instret, type PhysAddr } from '../../src/base/brand';
import { userError } from '../../src/base/errors';
import { Emitter } from '../../src/base/events';
import type { CheckpointArchive, SaveJob } from '../../src/checkpoint/archive';
import type { SavedAs } from '../../src/checkpoint/tree';
import type {
  CheckpointInfo,
  ConsoleOutput,
  Debuggee,
  Hit,
  HostClock,
  MoveOptions,
  Pokes,
  Stop,
  StopPoints,
} from '../../src/timetravel/api';
import type { SavedCheckpoint } from '../../src/timetravel/saved-state';
import type { SaveCheckpointOptions } from '../../src/timetravel/saving';
import { CSR, FakeHart, type Ram } from './fake-hart';
import type { Program } from './program';

const RAM_BYTES = 0x20000;
const NO_MEMORY = new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true });
const UART = 0x1000_0000n;
const FINISHER = 0x10_0000n;
/** Instructions between looks at messages. */
const SLICE = 50;

export interface FakeOptions {
  readonly harts?: number;
  /** Instants at which hart 0 takes a timer interrupt in place of an instruction. */
  readonly interruptsAt?: readonly number[];
}

type Exit = Extract<Stop, { kind: 'exited' }>;
type Poke = { readonly at: number; readonly apply: () => void };

export class FakeDebuggee implements Debuggee {
  harts: FakeHart[] = [];
  now: Instret = instret(0);
  end: Instret = instret(0);
  get live(): boolean {
    return this.now >= this.end;
  }
  readonly begin = instret(0);
  branch = 0;
  activeHart = 0;
  disposed = false;
  /** Requests that a test wants to see. */
  points: StopPoints = { breakpoints: [], watchpoints: [], exceptions: [], interrupts: [] };
  input: string[] = [];
  private ram: Ram & { bytes: Uint8Array };
  private output: number[] = [];
  private ended: Exit | undefined;
  private pokes: Poke[] = [];
  private nodes: (CheckpointInfo & { name: string | undefined })[] = [];
  private nextBranch = 1;
  private isMoving = false;
  private readonly consoleEmitter = new Emitter<ConsoleOutput>();
  private readonly checkpointEmitter = new Emitter<void>();
  private readonly timeEmitter = new Emitter<void>();
  readonly onConsole = this.consoleEmitter.event;
  readonly onCheckpointsChanged = this.checkpointEmitter.event;
  readonly onTime = this.timeEmitter.event;

  constructor(
    private readonly program: Program,
    private readonly clock: HostClock,
    private readonly options: FakeOptions = {},
  ) {
    this.ram = { base: program.base, bytes: new Uint8Array(RAM_BYTES), device: (a, v) => this.device(a, v) };
    this.powerOn();
  }

  get hartCount(): number {
    return this.options.harts ?? 1;
  }

  get exited(): Exit | undefined {
    return this.ended;
  }

  hart(id: number): FakeHart {
    const hart = this.harts[id];
    if (hart === undefined) throw new Error(`no hart ${id}`);
    return hart;
  }

  readPhysical = (address: PhysAddr, length: number): Uint8Array | undefined =>
    this.hart(0).readMemory(address, length);

  readonly poke: Pokes = {
    setPc: (hart, value) => this.change(() => (this.hart(hart).pc = value)),
    setX: (hart, index, value) => this.change(() => this.hart(hart).setX(index, value)),
    setF: (hart, index, bits) => this.change(() => (this.hart(hart).fs[index] = bits)),
    setCsr: (hart, number, value) => {
      if (number === CSR.mhartid) throw userError('CSR_READ_ONLY', 'mhartid is read-only');
      this.change(() => this.hart(hart).csrs.set(number, value));
    },
    writeMemory: (_hart, address, bytes) => this.write(address, bytes),
    writePhysical: (address, bytes) => this.write(address, bytes),
  };

  /** Here harts always take turns. */
  setAlone(): void {
    return;
  }

  setStopPoints(points: StopPoints): void {
    this.points = points;
  }

  resume(options: MoveOptions = {}): Promise<Stop> {
    return this.move(() => this.run(options, Infinity, undefined));
  }

  stepInstructions(hart: number, count: number, options: MoveOptions = {}): Promise<Stop> {
    return this.move(() => this.run(options, count, hart));
  }

  stepSync(hart: number): { readonly kind: 'done' } | undefined {
    for (let left = this.hartCount; left > 0; left--) {
      const runs = this.nextHart();
      if (this.ended !== undefined && this.now === this.end) return undefined;
      this.attempt();
      if (runs === hart) return { kind: 'done' };
    }
    return undefined;
  }

  reverseResume(options: MoveOptions = {}): Promise<Stop> {
    return this.move(async () => {
      const goal = this.now;
      this.goTo(0);
      let found: { at: number; hit: Hit } | undefined;
      let isFirst = true;
      while (this.now < goal) {
        if (this.now % SLICE === 0) await this.clock.yield();
        if (options.cancel?.cancelled === true) {
          this.goTo(goal);
          return { kind: 'paused' };
        }
        const before = this.hitBefore(options);
        if (before !== undefined && this.accepts(before, options)) found = { at: this.now, hit: before };
        const after = this.attempt();
        if (after !== undefined && this.now < goal && this.accepts(after, options))
          found = { at: this.now, hit: after };
        if (isFirst) options.onProgress?.(this.now / goal, 'searching');
        isFirst = false;
      }
      this.goTo(found?.at ?? 0);
      if (found === undefined) return { kind: 'beginning' };
      this.activeHart = found.hit.hart;
      return found.hit;
    });
  }

  reverseStepInstructions(hart: number, count: number): Promise<Stop> {
    return this.move(async () => {
      const goal = this.now;
      const instants: number[] = [];
      this.goTo(0);
      while (this.now < goal) {
        if (this.nextHart() === hart) instants.push(this.now);
        this.attempt();
      }
      this.goTo(instants.at(-count) ?? 0);
      return instants.length < count ? { kind: 'beginning' } : { kind: 'done' };
    });
  }

  seek(goal: Instret, options: MoveOptions = {}): Promise<Stop> {
    return this.move(async () => {
      this.goTo(0);
      while (this.now < goal) {
        if (this.now % SLICE === 0) {
          options.onProgress?.(this.now / goal, 'replaying');
          await this.clock.yield();
        }
        if (options.cancel?.cancelled === true) return { kind: 'paused' };
        this.attempt();
      }
      this.timeEmitter.fire();
      return { kind: 'done' };
    });
  }

  async restart(): Promise<void> {
    if (this.end > 0) this.branch = this.nextBranch++;
    this.pokes = [];
    this.ended = undefined;
    this.end = instret(0);
    this.powerOn();
    this.timeEmitter.fire();
  }

  takeCheckpoint(name?: string): CheckpointInfo {
    const node: CheckpointInfo = {
      id: `c${this.nodes.length + 1}`,
      parent: this.currentCheckpoint,
      name,
      instret: this.now,
      branch: this.branch,
      automatic: false,
      hart: 0,
      pc: this.hart(0).pc,
      consoleTail: '',
      sizeBytes: 4096,
      stopMicroseconds: 50,
    };
    this.nodes.push(node);
    this.checkpointEmitter.fire();
    return node;
  }

  async restoreCheckpoint(id: string, options?: MoveOptions): Promise<Stop> {
    return this.seek(this.node(id).instret, options);
  }

  renameCheckpoint(id: string, name: string): void {
    const node = this.node(id);
    this.nodes[this.nodes.indexOf(node)] = { ...node, name: name === '' ? undefined : name };
    this.checkpointEmitter.fire();
  }

  deleteCheckpoint(id: string): void {
    const node = this.node(id);
    this.nodes = this.nodes.filter((one) => one !== node);
    this.checkpointEmitter.fire();
  }

  checkpoints = (): readonly CheckpointInfo[] => this.nodes;

  saveCheckpoint(id: string, archive: CheckpointArchive, options: SaveCheckpointOptions): SaveJob {
    const { instret: at, name = '', stopMicroseconds, consoleTail } = this.node(id);
    const head = { instret: at, stopMicroseconds, consoleTail, automatic: false, ramBytes: RAM_BYTES };
    const job = archive.save({
      info: { name, notes: '', ...options, ...head },
      sections: [],
      ram: { memory: NO_MEMORY, directory: new Uint32Array(0), ramBytes: RAM_BYTES },
      disks: [],
      sources: [],
    });
    const progress = job.onProgress(({ pages, totalPages }) => this.note(id, { saving: pages / totalPages }));
    this.note(id, { saving: 0 });
    job.done.then(
      (saved) => {
        progress.dispose();
        this.note(id, { saving: undefined, saved: { archivePath: archive.path, id: saved.id } });
      },
      () => this.note(id, { saving: undefined }),
    );
    return job;
  }

  adoptCheckpoint({ loaded, archivePath }: SavedCheckpoint): CheckpointInfo {
    const { id, name, instret: at } = loaded.summary;
    if (at > this.end) throw userError('CHECKPOINT_OTHER_GUEST', 'The checkpoint is of another guest.');
    loaded.close();
    const node = { ...this.takeCheckpoint(name), instret: instret(at) };
    this.nodes[this.nodes.length - 1] = node;
    if (archivePath !== undefined) this.note(node.id, { saved: { archivePath, id } });
    return node;
  }

  forgetSaved(archivePath: string, savedId: string): void {
    for (const { id, saved } of this.nodes) {
      if (saved?.archivePath === archivePath && saved.id === savedId) this.note(id, { saved: undefined });
    }
  }

  private note(id: string, changes: { saving?: number | undefined; saved?: SavedAs | undefined }): void {
    this.nodes = this.nodes.map((node) => {
      if (node.id !== id) return node;
      const { saving, saved, ...rest } = { ...node, ...changes };
      return { ...rest, ...(saving === undefined ? {} : { saving }), ...(saved ? { saved } : {}) };
    });
    this.checkpointEmitter.fire();
  }

  get currentCheckpoint(): string | undefined {
    return this.nodes.filter((one) => one.instret <= this.now).at(-1)?.id;
  }

  consoleInput(bytes: Uint8Array): void {
    this.input.push(new TextDecoder().decode(bytes));
  }

  consoleHistory = (): Uint8Array => Uint8Array.from(this.output);
  devices = () => [];
  stateHash = (): string => this.now.toString(16).padStart(16, '0');
  dispose(): void {
    this.disposed = true;
  }

  // -- the machine

  private powerOn(): void {
    this.ram.bytes.fill(0);
    this.ram.bytes.set(this.program.bytes);
    this.harts = Array.from({ length: this.hartCount }, (_, id) => new FakeHart(id, this.ram));
    this.output = [];
    this.now = instret(0);
    for (const { at, apply } of this.pokes) if (at === 0) apply();
  }

  private nextHart(): number {
    return this.now % this.hartCount;
  }

  /** One instruction of the hart whose turn it is. */
  private attempt(): Hit | undefined {
    const hart = this.hart(this.nextHart());
    const { pc } = hart;
    const isInterrupted = hart.id === 0 && (this.options.interruptsAt?.includes(this.now) ?? false);
    if (isInterrupted) hart.takeTrap((1n << 63n) | 7n, 0n);
    const accesses = isInterrupted ? [] : hart.attempt().accesses;
    this.now = instret(this.now + 1);
    if (this.now > this.end) this.end = this.now;
    for (const poke of this.pokes) if (poke.at === this.now) poke.apply();
    for (const { address, sizeBytes, write } of accesses) {
      const range = this.points.watchpoints.find(
        (one) =>
          address < one.address + BigInt(one.length) &&
          one.address < address + BigInt(sizeBytes) &&
          (one.access === 'readWrite' || (one.access === 'write') === write),
      );
      if (range !== undefined)
        return { kind: 'watchpoint', hart: hart.id, pc, address, sizeBytes, write, range };
    }
    return undefined;
  }

  private hitBefore({ temporary = [] }: MoveOptions): Hit | undefined {
    const hart = this.hart(this.nextHart());
    const { pc } = hart;
    if (this.points.breakpoints.includes(pc) || temporary.includes(pc)) {
      return { kind: 'breakpoint', hart: hart.id, pc };
    }
    const trap = hart.willTrap();
    if (trap === undefined || !this.points.exceptions.includes(trap.cause)) return undefined;
    return { kind: 'trap', hart: hart.id, pc, interrupt: false, ...trap };
  }

  private accepts = (hit: Hit, { accept }: MoveOptions): boolean => accept?.(hit) ?? true;

  private async run(options: MoveOptions, count: number, only: number | undefined): Promise<Stop> {
    let done = 0;
    for (let isFirst = true; done < count; isFirst = false) {
      if (this.now % SLICE === 0) await this.clock.yield();
      if (options.cancel?.cancelled === true) return { kind: 'paused' };
      if (this.ended !== undefined && this.now === this.end) return this.ended;
      const runs = this.nextHart();
      const before = isFirst ? undefined : this.hitBefore(options);
      if (before !== undefined && this.accepts(before, options)) return this.stopAt(before);
      const after = this.attempt();
      if (after !== undefined && this.accepts(after, options)) return this.stopAt(after);
      if (only === undefined || only === runs) done++;
    }
    return { kind: 'done' };
  }

  private stopAt(hit: Hit): Hit {
    this.activeHart = hit.hart;
    return hit;
  }

  private goTo(instant: number): void {
    this.powerOn();
    while (this.now < instant) this.attempt();
  }

  private async move(run: () => Promise<Stop>): Promise<Stop> {
    if (this.isMoving) throw new Error('one moving operation at a time');
    this.isMoving = true;
    try {
      return await run();
    } finally {
      this.isMoving = false;
    }
  }

  private change(apply: () => void): void {
    if (this.now < this.end) {
      this.pokes = this.pokes.filter(({ at }) => at <= this.now);
      this.branch = this.nextBranch++;
      this.end = this.now;
      this.ended = undefined;
    }
    this.pokes.push({ at: this.now, apply });
    apply();
    this.timeEmitter.fire();
  }

  private write(address: bigint, bytes: Uint8Array): boolean {
    const offset = Number(address - this.ram.base);
    if (offset < 0 || offset + bytes.length > RAM_BYTES) return false;
    const copy = bytes.slice();
    this.change(() => this.ram.bytes.set(copy, offset));
    return true;
  }

  private device(address: bigint, value: bigint): void {
    if (address === UART) {
      this.output.push(Number(value & 255n));
      // Replayed output is not told again.
      if (this.now >= this.end)
        this.consoleEmitter.fire({ data: Uint8Array.of(Number(value & 255n)), reset: false });
    }
    if (address === FINISHER) this.ended = { kind: 'exited', reason: 'poweroff', exitCode: 0 };
  }

  private node(id: string): CheckpointInfo {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw userError('CHECKPOINT_UNKNOWN', `there is no checkpoint ${id}`);
    return node;
  }
}
