/**
 * The deterministic machine: harts, memory, devices and virtual time as one thing that can run to an exact instant,
 * be saved and be restored. `run` is synchronous and returns at the latest at `until`; what it does is a function of
 * the state alone (I1, I4). It does not wait: where all harts wait, or a disk is late, it says so and the caller
 * decides; what the caller does about it goes into the input log (I2), which is not kept here.
 */
import type { Instret, PhysAddr } from '../base/brand';
import { invariant } from '../base/errors';
import { CSRS } from '../isa/csr';
import { Bus } from './bus';
import { Board } from './board';
import { CodeCache } from './code';
import { DEFAULT_QUANTUM, INSTRUCTIONS_PER_TICK, MAX_SLICE, type MachineConfig } from './config';
import type { DiskContents, Section, SectionData } from './device';
import { instantiateEngine } from './engine/engine';
import type { EngineExports } from './engine/module';
import { Sbi } from './firmware/sbi';
import { Harts } from './harts';
import { Hasher } from './hash';
import { CSR_MAP, Exit, G, H } from './layout';
import { GuestMemory, LinearMemory, type PageTable } from './memory';
import { Looks } from './looks';
import { writePmp } from './pmp';
import type { Finished, MachineStop } from './stop';
import { StopPoints } from './stop-points';
import { driveTimers } from './timers';
import { dropWriteTlbs } from './write-tlbs';

/** All of a machine's state at one instant; frozen (I3). Owned by a checkpoint, which must release it. */
export interface MachineState {
  readonly instret: Instret;
  readonly timeSkew: number;
  readonly current: number;
  readonly quantumLeft: number;
  readonly harts: readonly Uint8Array[];
  readonly sections: readonly Section[];
  readonly finished: Finished | undefined;
  readonly pages: PageTable;
  readonly disks: readonly DiskContents[];
}

export class Machine {
  readonly harts: Harts;
  readonly memory: GuestMemory;
  readonly linear: LinearMemory;
  readonly board: Board;
  readonly engine: EngineExports;
  private readonly bus: Bus;
  private readonly code: CodeCache;
  readonly stops: StopPoints;
  readonly looks: Looks;
  private readonly sbi: Sbi;
  private count = 0;
  private running = false;
  private deadlinesDirty = true;
  private nextDeadline = Infinity;
  private interrupted = false;
  private finished: Finished | undefined;
  private resetWanted = false;
  private timeSkew = 0;
  ranLast = 0; // the hart that made the last attempt; no state: after a restore it says nothing

  constructor(
    readonly config: MachineConfig,
    /** A byte left the guest through its console. May call interrupt(). */
    onConsole: (byte: number) => void,
  ) {
    this.linear = new LinearMemory();
    const engine = (): EngineExports => this.engine;
    this.code = new CodeCache(this.linear);
    this.linear.set32(G.nextSlot, 1);
    this.linear.setCount(G.instructionsPerTick, INSTRUCTIONS_PER_TICK);
    this.linear.set32(G.tohostPage, -1 >>> 0);
    this.linear.set32(G.svadu, config.svadu === false ? 0 : 1);
    this.linear.set32(G.sbi, config.boot.mode === 'sbi' ? 1 : 0);
    CSRS.forEach((row, index) => {
      this.linear.dv.setUint8(CSR_MAP + row.number, index + 1);
    });
    this.memory = new GuestMemory(this.linear, config.ramBytes, engine, (slot) => {
      this.code.forgetSlot(slot);
    });
    this.harts = new Harts(this.linear, engine, config.harts, config.quantum ?? DEFAULT_QUANTUM);
    this.bus = new Bus(this.linear, (device) => {
      this.board.accessed(device);
    });
    this.stops = new StopPoints(this.linear, this.code, () => {
      this.flushAllTlbs();
    });
    this.looks = new Looks(this.linear, this.memory, this.harts, this.bus, engine);
    this.engine = instantiateEngine(this.linear, {
      moreFrames: () => {
        this.memory.moreFrames();
      },
      pageIn: (page) => this.memory.pageIn(page),
      mmioRead: (size) => this.bus.read(size),
      mmioWrite: (size) => this.bus.write(size),
      slotEvicted: (slot) => {
        this.code.forgetSlot(slot);
      },
      markBreakpoints: (slotBase, pageVa) => {
        this.code.markBreakpoints(slotBase >>> 0, pageVa);
      },
      pmpWrite: (number) => {
        writePmp(this.linear, number);
      },
      instructionBits: () => this.looks.standingInstruction(),
      decode: (record, slotBase) => {
        this.code.decode(record >>> 0, slotBase >>> 0);
      },
      decodeAside: (record, slotBase) => this.code.decodeAside(record >>> 0, slotBase >>> 0),
      decodeCrossing: (record, slotBase, second) =>
        this.code.decodeCrossing(record >>> 0, slotBase >>> 0, second >>> 0),
    });
    this.board = new Board(config, {
      memory: this.memory,
      now: () => this.virtualNow(),
      ticks: () => this.ticks(),
      setLine: (hart, line, level) => {
        this.harts.setLine(hart, line, level);
        this.endRunSoon();
      },
      deadlinesChanged: () => {
        this.deadlinesDirty = true;
        this.endRunSoon();
      },
      setTicks: (ticks) => {
        this.timeSkew = ticks - Math.floor(this.nowInRun() / INSTRUCTIONS_PER_TICK);
        this.linear.setCount(G.timeSkew, this.timeSkew);
        this.deadlinesDirty = true;
        this.endRunSoon();
      },
      finish: (finished) => {
        if (finished === 'reset') this.resetWanted = true;
        else this.finished = finished;
        this.endRunSoon();
      },
      onConsole,
    });
    for (const device of this.board.devices) this.bus.add(device);
    this.sbi = new Sbi({
      harts: this.harts,
      memory: this.memory,
      timerChanged: () => {
        this.deadlinesDirty = true;
      },
      flushTlb: (hart) => {
        this.harts.with(hart, () => {
          this.engine.flushTlb();
        });
      },
      consolePut: (byte) => {
        onConsole(byte);
      },
      consoleGet: () => this.board.takeConsoleByte(),
      finish: (reason) => {
        if (reason === 'reset') this.resetWanted = true;
        else
          this.finished =
            reason === 'poweroff'
              ? { kind: 'finished', reason, exitCode: 0 }
              : { kind: 'finished', reason, exitCode: 1 };
      },
    });
    this.memory.setRom(this.board.resetRom());
    this.powerOn();
  }

  /** Loads RAM and resets harts; devices are at power-on or have been reset. */
  private powerOn(): void {
    const { boot } = this.config;
    for (const segment of boot.segments) this.memory.write(segment.address, segment.bytes);
    this.memory.write(boot.fdtAddress, boot.deviceTree);
    if (boot.tohost !== undefined) {
      this.linear.set32(G.tohostPage, Math.floor((boot.tohost - 0x8000_0000) / 4096));
      this.linear.set32(G.tohostOffset, boot.tohost & 0xff8);
    }
    this.harts.reset(boot.mode === 'sbi' ? boot.entry : 0x1000, this.config.svadu !== false);
    if (boot.mode === 'sbi') this.harts.enterSupervisor(boot.entry, boot.fdtAddress);
    this.deadlinesDirty = true;
  }

  private systemReset(): void {
    this.resetWanted = false;
    this.board.reset();
    this.memory.clear();
    this.powerOn();
    this.flushAllTlbs();
  }

  /** How the guest ended; undefined while it lives. */
  get finishedState(): Finished | undefined {
    return this.finished;
  }

  // --- time

  /** Attempted instructions since power-on (I1). */
  get instret(): Instret {
    return this.nowInRun() as Instret;
  }

  private nowInRun(): number {
    if (!this.running) return this.count;
    return this.linear.getCount(G.icountEnd) - this.linear.get32(G.budget) - 1;
  }

  /** What devices measure deadlines in: instructions, plus those that idle skips stand for. */
  private virtualNow(): Instret {
    return (this.nowInRun() + this.timeSkew * INSTRUCTIONS_PER_TICK) as Instret;
  }

  /** mtime, in ticks of 100 ns. */
  ticks(): number {
    return Math.floor(this.nowInRun() / INSTRUCTIONS_PER_TICK) + this.timeSkew;
  }

  /** All harts wait: time jumps. The caller has logged it (I2). */
  skipIdle(ticks: number): void {
    this.timeSkew += ticks;
    this.linear.setCount(G.timeSkew, this.timeSkew);
    this.deadlinesDirty = true;
  }

  // --- running

  /** Makes run() return 'interrupted' at once, or after the instruction that is being executed. */
  interrupt(): void {
    this.interrupted = true;
    this.endRunSoon();
  }

  private endRunSoon(): void {
    if (!this.running) return;
    const left = this.linear.get32(G.budget);
    this.linear.setCount(G.icountEnd, this.linear.getCount(G.icountEnd) - left);
    this.linear.set32(G.budget, 0);
  }

  /** Runs to `until`, or to a reason to stop before; at most `maxSlices` slices of 1M instructions, then 'interrupted'. */
  run(until: number, maxSlices = Infinity): MachineStop {
    for (let slices = 0; ;) {
      if (this.resetWanted) this.systemReset();
      if (this.finished) return this.finished;
      if (this.deadlinesDirty || this.virtualNow() >= this.nextDeadline) {
        const waiting = this.board.serviceDeadlines(this.virtualNow());
        this.updateTimers();
        if (waiting) return { kind: 'waiting', waiting };
        if (this.finishedState || this.resetWanted) continue;
      }
      const runnable = this.harts.pick();
      if (this.interrupted) {
        this.interrupted = false;
        return { kind: 'interrupted' };
      }
      if (this.count >= until) return { kind: 'reached' };
      if (!runnable) return { kind: 'idle', skipTicks: this.ticksToDeadline() };
      if (slices++ >= maxSlices) return { kind: 'interrupted' };
      const stop = this.slice(until);
      if (stop) return stop;
    }
  }

  private slice(until: number): MachineStop | undefined {
    const { linear, harts } = this;
    let budget = Math.min(until - this.count, MAX_SLICE);
    const toDeadline = this.nextDeadline - this.timeSkew * INSTRUCTIONS_PER_TICK - this.count;
    budget = Math.min(budget, toDeadline);
    if (harts.count > 1) budget = Math.min(budget, harts.quantumLeft);
    invariant(budget > 0, 'a slice makes progress');
    this.ranLast = harts.current;
    linear.set32(G.exit, Exit.none);
    linear.set32(G.budget, budget);
    linear.setCount(G.icountEnd, this.count + budget);
    this.running = true;
    let exit: number;
    try {
      exit = this.engine.run();
    } finally {
      this.running = false;
    }
    const before = this.count;
    this.count = linear.getCount(G.icountEnd) - linear.get32(G.budget);
    this.standStill();
    // A single hart's turn has no end, and where slices end must not show in the state.
    if (harts.count > 1) harts.quantumLeft -= this.count - before;
    return this.handleExit(exit);
  }

  /** Between runs, time reads as `count` for CSRs that the debugger looks at. */
  private standStill(): void {
    this.linear.setCount(G.icountEnd, this.count + 1);
    this.linear.set32(G.budget, 0);
  }

  private handleExit(exit: number): MachineStop | undefined {
    const hart = this.harts.current;
    switch (exit) {
      case Exit.budget:
      case Exit.wfi:
        return undefined;
      case Exit.attention:
        this.deadlinesDirty = true;
        return undefined;
      case Exit.sbi:
        this.sbi.call(hart);
        return undefined;
      case Exit.htif:
        this.finishHtif();
        return undefined;
      case Exit.breakpoint:
        return this.breakpointHit(hart);
      case Exit.watchpoint:
        return this.stops.watchHit(hart);
      case Exit.trap:
        return this.stops.trapHit(hart);
      default:
        invariant(false, `engine exit ${exit} is known`);
    }
  }

  private breakpointHit(hart: number): MachineStop | undefined {
    const pc = this.linear.get64(H.pc);
    if (this.code.hasBreakpoint(pc)) return { kind: 'breakpoint', hart, pc };
    // The mark belongs to another virtual address of the same page: pass it.
    this.stops.passBreakpoint(this.count, pc);
    return undefined;
  }

  /**
   * Who attempts the next instruction, and how many are its own before another may run; undefined while all wait.
   * Changes nothing: what is due at this instant was served when it was reached.
   */
  upcoming(): { readonly hart: number; readonly turn: number } | undefined {
    return this.harts.upcoming();
  }

  private finishHtif(): void {
    const outcome = this.board.htif(this.memory);
    if (outcome !== undefined) this.finished = { kind: 'finished', reason: 'htif', exitCode: outcome };
  }

  private updateTimers(): void {
    this.deadlinesDirty = false;
    this.nextDeadline = driveTimers(this.harts, this.board, this.ticks());
  }

  private ticksToDeadline(): number | undefined {
    if (this.nextDeadline === Infinity) return undefined;
    return Math.max(1, Math.ceil((this.nextDeadline - this.virtualNow()) / INSTRUCTIONS_PER_TICK));
  }

  // --- changing (I7); looking is the affair of `looks`

  pokePhysical(address: PhysAddr, bytes: Uint8Array): boolean {
    if (!this.memory.contains(Number(address), bytes.length)) return false;
    this.memory.write(Number(address), bytes);
    return true;
  }

  pc(hart: number): bigint {
    return this.harts.get64(hart, H.pc);
  }

  setCsr(hart: number, number: number, value: bigint): void {
    this.harts.with(hart, () => {
      this.engine.csrWrite(number, value);
    });
    this.deadlinesDirty = true;
  }

  // --- saving and restoring

  /** Freezes the whole state (I5: no I/O, no copy of RAM). */
  freeze(): MachineState {
    const pages = this.memory.freeze();
    dropWriteTlbs(this.linear, this.harts.count);
    return {
      instret: this.instret,
      timeSkew: this.timeSkew,
      current: this.harts.current,
      quantumLeft: this.harts.quantumLeft,
      harts: Array.from({ length: this.harts.count }, (_, hart) => this.harts.saveBlock(hart)),
      sections: this.board.freeze(),
      finished: this.finished,
      pages,
      disks: this.board.disks.map((disk) => disk.freeze()),
    };
  }

  restore(state: MachineState): void {
    this.board.cancelDisks();
    this.memory.thaw(state.pages);
    state.disks.forEach((contents, index) => this.board.disks[index]?.thaw(contents));
    this.count = state.instret;
    this.timeSkew = state.timeSkew;
    this.linear.setCount(G.timeSkew, state.timeSkew);
    this.standStill();
    this.linear.set32(G.trapPending, 0);
    this.finished = state.finished;
    this.resetWanted = false;
    this.interrupted = false;
    this.board.restore(state.sections);
    this.harts.restoreBlocks(state.harts, state.current, state.quantumLeft);
    this.deadlinesDirty = true;
  }

  /** What each device holds now; looking changes nothing (I6). */
  deviceStates(): { name: string; base: number; sizeBytes: number; state: SectionData }[] {
    return [...this.board.devices]
      .sort((a, b) => a.base - b.base)
      .map((device) => {
        const { name, base, sizeBytes } = device;
        return { name, base, sizeBytes, state: device.save().data };
      });
  }

  /** 16 hex digits over harts, RAM, devices, disks and time; equal for equal states. */
  stateHash(): string {
    const hasher = new Hasher();
    hasher.word(this.count % 0x1_0000_0000);
    hasher.word(Math.floor(this.count / 0x1_0000_0000));
    hasher.text(String(this.timeSkew));
    hasher.word(this.harts.current);
    hasher.word(this.harts.quantumLeft);
    for (let hart = 0; hart < this.harts.count; hart++) hasher.bytes(this.harts.saveBlock(hart));
    hasher.bigint(BigInt.asUintN(64, this.engine.hashRam()));
    for (const section of this.board.save()) {
      hasher.text(section.name);
      hasher.data(section.data);
    }
    for (const disk of this.board.disks) hasher.text(disk.contentHash());
    return hasher.digest();
  }

  private flushAllTlbs(): void {
    for (let hart = 0; hart < this.harts.count; hart++) {
      this.harts.with(hart, () => {
        this.engine.flushTlb();
      });
    }
  }
}
