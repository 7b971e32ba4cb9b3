import { invariant, messageOf } from '../base/errors';
import type { Block } from './block';
import type { DiskResult } from './types';

/** Bytes that begin at `offset`. */
export interface Fetched {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Blocks that they are the contents of; undefined for those of the base. */
  readonly blocks: ReadonlyMap<number, Block> | undefined;
}

/** A request that waits for the base, or for blocks that are in files; see DiskOperation. */
export class CowOperation {
  private isReady = false;
  private state: 'pending' | 'completed' | 'cancelled' = 'pending';
  private fetched: readonly Fetched[] = [];
  private error: string | undefined;
  private readonly settled: Promise<void>;

  constructor(
    fetches: readonly Promise<Fetched>[],
    private readonly effect: (fetched: readonly Fetched[]) => DiskResult,
    /** It is complete or cancelled. */
    private readonly onEnd: (operation: CowOperation) => void,
  ) {
    this.isReady = fetches.length === 0;
    this.settled = this.isReady
      ? Promise.resolve()
      : Promise.all(fetches).then(
          (fetched) => this.settle(fetched, undefined),
          (error: unknown) => this.settle([], messageOf(error)),
        );
  }

  get ready(): boolean {
    return this.isReady;
  }

  /** Resolves for cancelled operations too; never rejects. */
  whenReady(): Promise<void> {
    return this.settled;
  }

  complete(): DiskResult {
    invariant(this.isReady && this.state === 'pending', 'an operation completes once, when it is ready');
    this.state = 'completed';
    const result: DiskResult =
      this.error === undefined ? this.effect(this.fetched) : { ok: false, error: this.error };
    this.onEnd(this);
    return result;
  }

  cancel(): void {
    if (this.state !== 'pending') return;
    this.state = 'cancelled';
    this.onEnd(this);
  }

  private settle(fetched: readonly Fetched[], error: string | undefined): void {
    this.fetched = fetched;
    this.error = error;
    this.isReady = true;
  }
}
