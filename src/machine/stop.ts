/** Why Machine.run returned. A guest's trap is a value (style habit 9). */
import type { Waiting } from './device';

export type Finished =
  | { readonly kind: 'finished'; readonly reason: 'poweroff'; readonly exitCode: 0 }
  | { readonly kind: 'finished'; readonly reason: 'fail' | 'htif'; readonly exitCode: number };

export type MachineStop =
  /** `until` was reached. */
  | { readonly kind: 'reached' }
  /** interrupt() was called: the caller has something to do at this instant. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'breakpoint'; readonly hart: number; readonly pc: bigint }
  | {
      readonly kind: 'watchpoint';
      readonly hart: number;
      readonly pc: bigint;
      readonly address: bigint;
      readonly sizeBytes: number;
      readonly write: boolean;
      /** Index in the list given to setWatchpoints. */
      readonly index: number;
    }
  | {
      readonly kind: 'trap';
      readonly hart: number;
      readonly pc: bigint;
      readonly cause: number;
      readonly interrupt: boolean;
      readonly tval: bigint;
    }
  /** All harts wait. `skipTicks` to the next deadline; undefined when only input can wake the guest. */
  | { readonly kind: 'idle'; readonly skipTicks: number | undefined }
  /** The host's part of a disk request is due and not done. */
  | { readonly kind: 'waiting'; readonly waiting: Waiting }
  | Finished;
