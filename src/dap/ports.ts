/** What the adapter needs from outside; the host, the extension or a test supplies it. */
import type { LaunchConfiguration } from '../protocol';
import type { Debuggee, HostClock } from '../timetravel/api';
import type { Symbols } from '../symbols/symbols';

/** The world around the session. */
export interface SessionHost {
  readonly clock: HostClock;
  /** Undefined when there is no such file or it cannot be read. */
  readTextFile(path: string): Promise<string | undefined>;
  fileExists(path: string): Promise<boolean>;
}

/** A guest that stands at its first instruction, with what is known about its program. */
export interface OpenedGuest {
  readonly debuggee: Debuggee;
  readonly symbols: Symbols;
  /** Absolute, for display. */
  readonly programPath: string;
  /** Physical address behind the reset ROM: where stopOnEntry stops. Without it, at power-on. */
  readonly entry?: bigint;
}

/** Builds a machine as launch.json asks. Throws UserError for whatever is wrong with the files or the settings. */
export type GuestOpener = (configuration: LaunchConfiguration) => Promise<OpenedGuest>;
