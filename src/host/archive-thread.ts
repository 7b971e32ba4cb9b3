/**
 * The client's end of the thread that owns the stores. The thread keeps the process alive only while calls are pending. If
 * it ends by itself, all that is pending and all that comes later fails with 'STORE_WORKER': never does anybody wait for it
 * in vain, not even the page reads that this thread blocks for.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { invariant, unreachable, userError } from '../base/errors';
import {
  FillCells,
  FillState,
  HEART_BYTES,
  HEART_ENDED,
  unpackError,
  type ArchiveCalls,
  type CallName,
  type FromThread,
  type ToThread,
} from './archive-protocol';
import { unlockAfter } from './store/open-store';

/** How long a page read waits before it looks whether the thread is alive, ms. */
const LOOK_MS = 250;
/** Looks without a heartbeat after which the thread counts as dead: 5 s. A busy host may delay some. */
const SILENT_LOOKS = 20;
/** Looks after which the medium counts as hanging: 60 s. */
const MAX_LOOKS = 240;

/** After this long without an archive the thread is ended, ms: it may still refer to memory of guests that are gone. */
const IDLE_MS = 2000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Who is told of a save. */
export interface SaveListener {
  progress(message: FromThread & { readonly kind: 'progress' }): void;
  pull(message: FromThread & { readonly kind: 'pull' }): void;
}

export class ArchiveThread {
  private readonly worker: Worker;
  private readonly heart = new Int32Array(new SharedArrayBuffer(HEART_BYTES));
  private readonly pending = new Map<number, Pending>();
  private readonly saves = new Map<number, SaveListener>();
  /** Stores that were opened: if the thread ends by an error, their locks are left. */
  private readonly files = new Set<string>();
  private readonly threadId: number;
  private calls = 0;
  private cause: unknown;
  private hasEnded = false;
  private users = 0;
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly onEnd: () => void) {
    const [file, execArgv] = workerFile();
    this.worker = new Worker(file, { workerData: this.heart.buffer, name: 'checkpoint stores', execArgv });
    this.worker.on('message', (message: FromThread) => this.receive(message));
    this.worker.on('error', (error: unknown) => (this.cause = error));
    this.worker.on('messageerror', (error) => (this.cause = error));
    this.worker.on('exit', () => void this.end());
    this.threadId = this.worker.threadId;
    this.worker.unref();
  }

  /** Another archive needs the thread, until `unuse`. */
  use(): void {
    this.users++;
    clearTimeout(this.idle);
  }

  unuse(): void {
    if (--this.users > 0 || this.hasEnded) return;
    this.idle = setTimeout(() => {
      this.hasEnded = true;
      this.onEnd();
      void this.worker.terminate();
    }, IDLE_MS).unref();
  }

  /** Calls the thread. Throws what the call throws there, and 'STORE_WORKER'. */
  async call<Name extends CallName>(
    name: Name,
    ...args: Parameters<ArchiveCalls[Name]>
  ): Promise<ReturnType<ArchiveCalls[Name]>> {
    if (this.hasEnded) throw threadEnded(this.cause);
    const call = ++this.calls;
    const result = new Promise<unknown>((resolve, reject) => this.pending.set(call, { resolve, reject }));
    this.worker.ref();
    try {
      this.send({ kind: 'call', call, name, args });
      return (await result) as ReturnType<ArchiveCalls[Name]>;
    } finally {
      this.pending.delete(call);
      if (this.pending.size === 0) this.worker.unref();
    }
  }

  send(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  /** Until the returned function is called. */
  listen(save: number, listener: SaveListener): () => void {
    this.saves.set(save, listener);
    return () => this.saves.delete(save);
  }

  /** PageSource.fill. */
  fill(
    handle: number,
    memory: WebAssembly.Memory,
    pages: readonly number[],
    frames: readonly number[],
  ): boolean[] {
    invariant(pages.length === frames.length, 'each page has a frame');
    if (this.hasEnded) throw threadEnded(this.cause);
    const cells = FillCells.make(pages.length);
    this.send({ kind: 'fill', handle, memory, pages, frames, shared: cells.shared });
    this.wait(cells);
    if (cells.state === FillState.failed) throw cells.takeError();
    return Array.from(cells.isZero, (flag) => flag === 1);
  }

  private wait(cells: FillCells): void {
    const { wanted, writing, givenUp } = FillState;
    let [beat, looks, silent] = [Atomics.load(this.heart, 0), 0, 0];
    for (let { state } = cells; state === wanted || state === writing; { state } = cells) {
      if (Atomics.wait(cells.words, 0, state, LOOK_MS) !== 'timed-out') continue;
      const now = Atomics.load(this.heart, 0);
      silent = now === beat ? silent + 1 : 0;
      beat = now;
      const isDead = now === HEART_ENDED || silent >= SILENT_LOOKS;
      if (!isDead && ++looks < MAX_LOOKS) continue;
      // While it writes it needs no medium: it ends, unless it is dead.
      if (!cells.change(wanted, givenUp) && !isDead) continue;
      throw isDead ? threadEnded(this.cause) : mediumHangs();
    }
  }

  private receive(message: FromThread): void {
    switch (message.kind) {
      case 'result':
        return this.pending.get(message.call)?.resolve(message.value);
      case 'error':
        return this.pending.get(message.call)?.reject(unpackError(message.error));
      case 'progress':
        return this.saves.get(message.save)?.progress(message);
      case 'pull':
        return this.saves.get(message.save)?.pull(message);
      default:
        return unreachable(message);
    }
  }

  /** A store that was opened, by its file. */
  opened(file: string): void {
    this.files.add(file);
  }

  private async end(): Promise<void> {
    this.hasEnded = true;
    for (const file of this.files) await unlockAfter(this.threadId, file).catch(() => undefined);
    this.onEnd();
    for (const { reject } of this.pending.values()) reject(threadEnded(this.cause));
  }
}

/** The thread's file and Node's options: beside the bundle, or TypeScript in the source tree, which needs a loader. */
function workerFile(): [string, string[]] {
  const bundled = join(__dirname, 'archive.worker.js');
  if (existsSync(bundled)) return [bundled, []];
  const loader = createRequire(__filename).resolve('tsx/cjs');
  return [join(__dirname, 'archive.worker.ts'), ['--require', loader]];
}

const threadEnded = (cause: unknown): Error =>
  userError(
    'STORE_WORKER',
    'The thread that keeps checkpoints has ended by an error: what was being saved is lost. Open the store again.',
    cause,
  );

const mediumHangs = (): Error =>
  userError(
    'STORE_IO',
    'A page of the checkpoint could not be read for a minute: check the medium of its store.',
  );
