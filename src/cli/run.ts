/**
 * `chronovisor run`: a guest in the terminal. What is typed by --type and where --exit-on ends the run are decided at
 * the byte of output that matches, so both are instants of the guest's own time (I1, I2).
 */
import { launchGuest, type Launched } from '../host/launch';
import { hostClock } from '../host/clock';
import type { MoveOptions, Stop } from '../timetravel/api';
import type { TimeMachine } from '../timetravel/time-machine';
import { Matcher } from './matcher';
import type { RunOptions, SavingOptions, Typing } from './options';
import { Saves, type PlaceToSave, type SaveReport } from './run-saves';

/** The last line with --json. */
interface RunReport {
  readonly stop: 'poweroff' | 'fail' | 'htif' | 'exit-on' | 'limit' | 'idle' | 'interrupted' | 'diverged';
  readonly exitCode: number;
  readonly instructions: number;
  readonly stateHash: string;
  readonly seconds: number;
  readonly mips: number;
  /** With --checkpoint-at or --save-on-exit. */
  readonly checkpoints?: readonly SaveReport[];
}

const LIMIT_EXIT_CODE = 124;
/** 128 + SIGINT, as shells have it. */
const INTERRUPTED_EXIT_CODE = 130;
/** Nothing can ever happen again: all harts wait, no timer is set, and nobody is there to type. */
const IDLE_EXIT_CODE = 125;

/** Types and watches along with the console's output. */
class Script {
  private readonly exit: Matcher | undefined;
  private waiting: { readonly typing: Typing; readonly matcher: Matcher }[];
  ended = false;

  constructor(
    options: RunOptions,
    private readonly type: (bytes: Uint8Array) => void,
  ) {
    this.exit = options.exitOn && new Matcher(options.exitOn);
    this.waiting = options.typings.map((typing) => ({ typing, matcher: new Matcher(typing.after) }));
  }

  /** What is typed without waiting for anything. */
  begin(): void {
    while (this.waiting[0]?.typing.after.length === 0) this.typeNext();
  }

  /** A byte of output; true when something happens at this instant. */
  output(byte: number): boolean {
    if (this.exit?.push(byte)) this.ended = true;
    const typed = this.waiting[0]?.matcher.push(byte) ?? false;
    if (typed) {
      this.typeNext();
      this.begin();
    }
    return typed || this.ended;
  }

  private typeNext(): void {
    const next = this.waiting.shift();
    if (next) this.type(next.typing.text);
  }
}

/** Runs and returns the exit code of the process. */
export async function run(options: RunOptions): Promise<number> {
  const cancel = { cancelled: false, interrupted: false };
  const machine: { guest?: TimeMachine } = {};
  const script = new Script(options, (bytes) => machine.guest?.consoleInput(bytes));
  const keyboard = process.stdin.isTTY;
  const { settings, saving } = options;
  const { given, store, maxBytes, from, disksFrom, relocated, saveDisksOnExit } = saving;
  const launched = await launchGuest(
    {
      ...{ settings, given, store, maxBytes, relocated },
      checkpoint: from ?? disksFrom,
      disksOnly: disksFrom !== undefined,
    },
    {
      clock: hostClock,
      record: false,
      onDeadIdle: keyboard ? 'wait' : 'pause',
      onFirstOutput: (byte) => {
        const happened = script.output(byte);
        if (script.ended) cancel.cancelled = true;
        return happened;
      },
    },
  );
  const { debuggee } = launched.guest;
  machine.guest = debuggee;
  const showing = debuggee.onConsole(({ data }) => {
    process.stdout.write(data);
  });
  launched.guest.diskErrors((message) => {
    process.stderr.write(`chronovisor: ${message}\n`);
  });
  const stopKeyboard = keyboard ? readKeyboard(debuggee, cancel) : undefined;
  const onSignal = (): void => {
    cancel.cancelled = true;
    cancel.interrupted = true;
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const started = { at: hostClock.now(), instret: debuggee.now };
  try {
    const place = await placeToSave(launched, saving);
    const saves = new Saves(debuggee, place, options);
    script.begin();
    const stop = await runOn(options, debuggee, saves, { cancel });
    const seconds = (hostClock.now() - started.at) / 1000;
    const mips = (debuggee.now - started.instret) / Math.max(seconds, 1e-6) / 1e6;
    const ended = { ...outcome(stop, script.ended, cancel.interrupted), seconds, mips };
    if (saveDisksOnExit !== undefined && launched.saveDisks && place)
      saves.add(launched.saveDisks(saveDisksOnExit, place.guest, Date.now()), saveDisksOnExit);
    return report(options, debuggee, ended, await saves.finish());
  } finally {
    stopKeyboard?.();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    showing.dispose();
    debuggee.dispose();
    await launched.close();
  }
}

/** Where the run saves, if it does: the files that tell which guest it is are read for that alone. */
async function placeToSave({ keeping }: Launched, saving: SavingOptions): Promise<PlaceToSave | undefined> {
  const { checkpointAt, saveOnExit, saveDisksOnExit } = saving;
  const isNeeded = checkpointAt.length > 0 || (saveOnExit ?? saveDisksOnExit) !== undefined;
  return keeping && isNeeded ? { archive: keeping.archive, guest: await keeping.guest() } : undefined;
}

/** To the end of the run, with live checkpoints on the way. */
async function runOn(
  { maxInstructions = Infinity, saving: { checkpointAt } }: RunOptions,
  debuggee: TimeMachine,
  saves: Saves,
  move: MoveOptions,
): Promise<Stop> {
  for (const at of checkpointAt) {
    if (at > maxInstructions) break;
    const stop = await debuggee.seek(at as typeof debuggee.now, move);
    // Ended before: what is left would be at the same instant.
    if (stop.kind !== 'done') return stop;
    saves.take(`at ${at}`);
  }
  return maxInstructions === Infinity
    ? debuggee.resume(move)
    : debuggee.seek(maxInstructions as typeof debuggee.now, move);
}

function outcome(
  stop: Stop,
  exitOn: boolean,
  interrupted: boolean,
): Pick<RunReport, 'stop' | 'exitCode'> & { readonly message?: string } {
  switch (stop.kind) {
    case 'exited':
      return { stop: stop.reason, exitCode: stop.exitCode };
    case 'done':
      return { stop: 'limit', exitCode: LIMIT_EXIT_CODE };
    case 'diverged':
      return { stop: 'diverged', exitCode: 1, message: stop.message };
    default:
      if (exitOn) return { stop: 'exit-on', exitCode: 0 };
      if (interrupted) return { stop: 'interrupted', exitCode: INTERRUPTED_EXIT_CODE };
      return { stop: 'idle', exitCode: IDLE_EXIT_CODE };
  }
}

function report(
  options: RunOptions,
  debuggee: TimeMachine,
  ended: Pick<RunReport, 'stop' | 'exitCode' | 'seconds' | 'mips'> & { readonly message?: string },
  saves: readonly SaveReport[] | undefined,
): number {
  if (ended.message !== undefined) process.stderr.write(`chronovisor: ${ended.message}\n`);
  if (options.json) {
    const result: RunReport = {
      stop: ended.stop,
      exitCode: ended.exitCode,
      instructions: debuggee.now,
      stateHash: debuggee.stateHash(),
      seconds: Math.round(ended.seconds * 1000) / 1000,
      mips: Math.round(ended.mips * 100) / 100,
      ...(saves ? { checkpoints: saves } : {}),
    };
    process.stdout.write(`\n${JSON.stringify(result)}\n`);
  } else if (ended.stop === 'idle') {
    process.stderr.write('\nchronovisor: the guest waits for input that nobody can type; ended\n');
  }
  const code = processExitCode(ended.exitCode);
  return code === 0 && saves?.some(({ error }) => error !== undefined) === true ? 1 : code;
}

/** Hosts keep eight bits of an exit code: a guest's failure must not become a success by that. */
const processExitCode = (code: number): number => (code !== 0 && code % 256 === 0 ? 1 : code % 256);

/** Raw keyboard; Ctrl-A X ends the run, Ctrl-A Ctrl-A types a Ctrl-A (QEMU's habit). */
function readKeyboard(
  debuggee: TimeMachine,
  cancel: { cancelled: boolean; interrupted: boolean },
): () => void {
  const { stdin } = process;
  const ESCAPE = 1;
  let escaped = false;
  const onData = (chunk: Buffer): void => {
    const bytes: number[] = [];
    for (const byte of chunk) {
      if (escaped) {
        escaped = false;
        if (byte === 0x78 || byte === 0x58) {
          cancel.cancelled = true;
          cancel.interrupted = true;
        } else bytes.push(byte);
      } else if (byte === ESCAPE) escaped = true;
      else bytes.push(byte);
    }
    debuggee.consoleInput(Uint8Array.from(bytes));
  };
  stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  process.stderr.write('chronovisor: Ctrl-A X ends the run\n');
  return () => {
    stdin.off('data', onData);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
