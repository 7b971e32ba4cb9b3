/**
 * Real guests for tests: how they are put together, and a person at their console. What is typed goes in at instants
 * that the guest's own output determines, so that two runs of one script are the same run (I2).
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import assert from 'node:assert/strict';
import { instret } from '../../src/base/brand';
import { kernelImage, planBoot, rawImage, type Firmware } from '../../src/machine/boot';
import type { DiskConfig, MachineConfig } from '../../src/machine/config';
import type { HostClock, MoveOptions, Stop } from '../../src/timetravel/api';
import { TimeMachine, type TimeMachineOptions } from '../../src/timetravel/time-machine';
import { guestPath, type GuestName } from '../support/guests';
import { shellPrompt } from '../support/initrd';

export interface GuestSettings {
  readonly firmware: 'builtin' | 'opensbi';
  readonly harts?: number;
  readonly kernel?: GuestName;
  readonly initrd?: GuestName;
  readonly disks?: readonly DiskConfig[];
}

const OPENSBI_ADDRESS = 0x8000_0000;
const RAM_BYTES = 256 << 20;
/** For the recordings of the guests that are alive at the same time. */
const MEMORY_BUDGET = 512 << 20;

/** Debian's kernel with the shell's initrd, unless the settings say otherwise. */
export function guestConfig(settings: GuestSettings): MachineConfig {
  const harts = settings.harts ?? 1;
  const kernel = settings.kernel ?? 'linux-image';
  const firmware: Firmware =
    settings.firmware === 'builtin'
      ? { kind: 'builtin' }
      : { kind: 'image', image: rawImage(readFileSync(guestPath('opensbi-dynamic')), OPENSBI_ADDRESS) };
  const linux =
    kernel === 'linux-image'
      ? {
          initrd: readFileSync(guestPath(settings.initrd ?? 'linux-initrd')),
          kernelArgs: 'console=ttyS0 rdinit=/init',
        }
      : {};
  const boot = planBoot({
    ramBytes: RAM_BYTES,
    harts,
    svadu: true,
    firmware,
    program: kernelImage(readFileSync(guestPath(kernel)), firmware),
    ...linux,
  });
  return { ramBytes: RAM_BYTES, harts, boot, ...(settings.disks ? { disks: settings.disks } : {}) };
}

export const nodeClock: HostClock = {
  now: () => performance.now(),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
  sleep: () => assert.fail('a guest in a test never waits for real time'),
};

const guestOptions = {
  clock: nodeClock,
  idle: 'skip',
  onDeadIdle: 'pause',
  memoryBudgetBytes: MEMORY_BUDGET,
} as const;

/** Busybox's shell asks the terminal where its cursor is, behind each prompt. */
const askPosition = '\x1b[6n';

/** Instructions after which a guest that has not shown what it should is taken to hang. */
const PATIENCE = 6_000_000_000;

/** A guest and what its console shows, as seen by who types at it. */
export class GuestRun {
  readonly time: TimeMachine;
  private shown = '';
  private wanted: string | undefined;
  private forced = 0;
  private readonly cancel = { cancelled: false };

  /** Without `record` no automatic checkpoints are taken: for guests that do not go back. */
  constructor(config: MachineConfig | TimeMachine, record = false) {
    this.time =
      config instanceof TimeMachine
        ? config
        : new TimeMachine(config, { ...guestOptions, record, onFirstOutput: (byte) => this.onByte(byte) });
  }

  /** A guest that is opened as the product does it. */
  static async opened(open: (options: TimeMachineOptions) => Promise<TimeMachine>): Promise<GuestRun> {
    const made: { run?: GuestRun } = {};
    const onFirstOutput = (byte: number): boolean => made.run?.onByte(byte) ?? false;
    made.run = new GuestRun(await open({ ...guestOptions, record: false, onFirstOutput }));
    return made.run;
  }

  private onByte(byte: number): boolean {
    this.shown += String.fromCharCode(byte);
    if (this.wanted === undefined || !this.shown.endsWith(this.wanted)) return false;
    this.cancel.cancelled = true;
    return true;
  }

  /**
   * Runs until the console shows the text, and stops at the instant of its last byte. Returns what was shown since the
   * call before. A hit of a stop point fails.
   */
  async until(text: string, options: MoveOptions = {}): Promise<string> {
    const stop = await this.run(text, options);
    assert.equal(
      stop.kind,
      'paused',
      `the guest shows ${JSON.stringify(text)}; it has shown:\n${this.shown}`,
    );
    const { shown } = this;
    this.shown = '';
    return shown;
  }

  /** Runs to a stop point, or until the console shows the text ('paused'). */
  async run(text: string, options: MoveOptions = {}): Promise<Stop> {
    this.wanted = text;
    this.cancel.cancelled = false;
    const limit = this.time.now + PATIENCE;
    const { cancel, time } = this;
    const withCancel = {
      ...options,
      cancel: {
        get cancelled() {
          assert(time.now < limit, `the guest does not show ${JSON.stringify(text)}`);
          return cancel.cancelled;
        },
      },
    };
    const stop = await (this.forced === 0 ? time.resume(withCancel) : this.runForced(withCancel));
    this.wanted = undefined;
    return stop;
  }

  /** From now on, each `every` instructions a checkpoint is taken and gone back to. Stop points do not stop then. */
  forceCheckpoints(every: number): void {
    this.forced = every;
  }

  /** A checkpoint saves a device anew only where it has changed: what it took from before must still be true. */
  private assertSectionsFresh(): void {
    const { board } = this.time['recording'].machine;
    assert.deepEqual(board.freeze(), board.save());
  }

  private async runForced(options: MoveOptions): Promise<Stop> {
    const { time, forced } = this;
    for (;;) {
      const goal = (Math.floor(time.now / forced) + 1) * forced;
      const stop = await time.seek(instret(goal), options);
      if (stop.kind !== 'done') return stop;
      const { id } = time.takeCheckpoint();
      if (time.now % (16 * forced) === 0) this.assertSectionsFresh();
      assert.deepEqual(await time.restoreCheckpoint(id), { kind: 'done' });
      time.deleteCheckpoint(id);
    }
  }

  type(text: string): void {
    this.time.consoleInput(Buffer.from(text));
  }

  /** Types a line at the shell's prompt; returns what the command printed, its echo left out. */
  async command(line: string): Promise<string> {
    this.type(`${line}\n`);
    const shown = await this.until(shellPrompt);
    const text = shown.replaceAll('\r\n', '\n').replaceAll(askPosition, '');
    assert(text.startsWith(`${line}\n`), `the shell echoes ${line}: ${text}`);
    return text.slice(line.length + 1, -shellPrompt.length).trim();
  }

  /** Goes back to a checkpoint; what was shown until then is read already. */
  async restore(id: string): Promise<void> {
    const stop = await this.time.restoreCheckpoint(id);
    assert.equal(stop.kind, 'done');
    this.shown = '';
  }
}

export interface BootedLinux {
  readonly guest: GuestRun;
  /** What the console showed on the way to the shell's first prompt. */
  readonly shown: string;
  /** The checkpoint at that prompt. */
  readonly prompt: string;
}

const booted = new Map<number, Promise<BootedLinux>>();

/**
 * The Linux on builtin firmware that the suites share, since booting takes longer than all that they do with it: with
 * its recording, at the shell's first prompt. Each suite leaves it there.
 */
export async function bootedLinux(harts: number): Promise<BootedLinux> {
  const boot = async (): Promise<BootedLinux> => {
    const guest = new GuestRun(guestConfig({ firmware: 'builtin', harts }), true);
    const shown = await guest.until(shellPrompt);
    return { guest, shown, prompt: guest.time.takeCheckpoint('prompt').id };
  };
  const known = booted.get(harts) ?? boot();
  booted.set(harts, known);
  return known;
}
