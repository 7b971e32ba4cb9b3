/** What the adapter needs from outside; the host, the extension or a test supplies it. */
import type { CheckpointArchive, LoadedCheckpoint } from '../checkpoint/archive';
import type { Event } from '../base/events';
import type { DiskContents } from '../machine/device';
import type { GivenSettings, LaunchConfiguration, SavedGuest } from '../protocol';
import type { Debuggee, HostClock } from '../timetravel/api';
import type { SearchGate } from '../symbols/search';
import type { Symbols } from '../symbols/symbols';
import type { GuestProgram } from './spaces';

/** The world around the session. */
export interface SessionHost {
  readonly clock: HostClock;
  /** Undefined when there is no such file or it cannot be read. */
  readTextFile(path: string): Promise<string | undefined>;
  fileExists(path: string): Promise<boolean>;
  /** Milliseconds since 1970, for people to read; never seen by the guest. */
  unixTime(): number;
}

/** Where a guest's checkpoints are kept for good. */
export interface Keeping {
  readonly archive: CheckpointArchive;
  /** Which guest this is, to be kept with each checkpoint. Its files are read for that when it is first asked for. */
  guest(): Promise<SavedGuest>;
  /** What the guest's disks held at a saved checkpoint. Throws DISK_* and LAYER_*, and DISKS_DIFFER. */
  disksOf(loaded: LoadedCheckpoint): Promise<readonly DiskContents[]>;
}

/** A guest that stands at its first instruction, with what is known about its program. */
export interface OpenedGuest {
  readonly debuggee: Debuggee;
  readonly symbols: Symbols;
  /** All files with symbols; absent: `symbols` are those of the one program. */
  readonly programs?: readonly GuestProgram[];
  /** Of symbol files that cannot be used. */
  readonly symbolWarnings?: readonly string[];
  /** Absolute, for display. */
  readonly programPath: string;
  /** Physical address behind the reset ROM: where stopOnEntry stops. Without it, at power-on. */
  readonly entry?: bigint;
  /** Absent where nothing can be saved. */
  readonly keeping?: Keeping;
  /** Says that the host could not read a disk. */
  readonly diskErrors?: Event<string>;
  /** For who can wait while a symbol file is searched. */
  readonly searches?: SearchGate;
  /** What else the user should know. */
  readonly notice?: string;
  /** It begins at this saved checkpoint and not at power-on. */
  readonly resumedFrom?: string;
  /** Called when the guest has been disposed of, and nothing is being saved any more. */
  close?(): Promise<void>;
}

/**
 * Builds a machine as launch.json asks; `given` are the settings that were really there. Throws UserError for whatever is
 * wrong with the files or the settings.
 */
export type GuestOpener = (configuration: LaunchConfiguration, given: GivenSettings) => Promise<OpenedGuest>;
