/**
 * A recording and the state that a checkpoint archive keeps: what is added to the machine's sections, what is checked before
 * a saved state is taken in, and which loaded checkpoints absent pages still come from.
 */
import { userError } from '../base/errors';
import type { LoadedCheckpoint } from '../checkpoint/archive';
import {
  stateFromSections,
  stateToSections,
  type StateWithoutPages,
} from '../checkpoint/store/machine-state';
import type { Checkpoint } from '../checkpoint/tree';
import { DEFAULT_QUANTUM, type MachineConfig } from '../machine/config';
import type { DiskContents, Section, SectionData } from '../machine/device';
import { CURRENT, H } from '../machine/layout';
import type { Machine } from '../machine/machine';
import type { GuestMemory } from '../machine/memory';
import type { SavedPast } from './recording';

/** A checkpoint from an archive, for a recording that then owns it and closes it. */
export interface SavedCheckpoint {
  readonly loaded: LoadedCheckpoint;
  /** The archive that has it; none for one that is not to be known as saved. */
  readonly archivePath?: string;
}

const SECTION = 'recording';
const VERSION = 1;
/** Bytes of what the console had shown that are kept. */
const MAX_CONSOLE_BYTES = 1 << 20;

type Settings = Readonly<Record<string, string | number | boolean>>;

/** What else a guest's course depends on, with what users call it. */
const settingsOf = ({ boot, quantum, svadu, legacyVirtio }: MachineConfig): Settings => ({
  firmware: boot.mode,
  tohost: boot.tohost ?? 0,
  quantum: quantum ?? DEFAULT_QUANTUM,
  svadu: svadu ?? true,
  'legacy virtio': legacyVirtio ?? false,
});

/** All that a checkpoint consists of but pages and disks. `console` is what had been shown at its instant. */
export function sectionsOf(checkpoint: Checkpoint, console: Uint8Array, config: MachineConfig): Section[] {
  const data = { console: console.slice(-MAX_CONSOLE_BYTES), settings: settingsOf(config) };
  return [...stateToSections(checkpoint.state), { name: SECTION, version: VERSION, data }];
}

/** Loaded checkpoints by their numbers in absent cells. */
export class PageSources {
  private readonly loaded = new Map<number, LoadedCheckpoint>();

  constructor(private readonly memory: () => GuestMemory) {}

  /** See SaveRequest.sources. */
  get handles(): (number | undefined)[] {
    const handles: (number | undefined)[] = [];
    for (const [source, { handle }] of this.loaded) handles[source] = handle;
    return Array.from(handles);
  }

  /**
   * The saved state as one that the machine can go to: checked, its pages attached; nothing has been read of them. Without
   * `disks`, the machine's have what the checkpoint had.
   */
  attach(machine: Machine, saved: SavedCheckpoint, disks?: readonly DiskContents[]): SavedPast {
    const { loaded, archivePath } = saved;
    const { summary, sections } = loaded;
    if (summary.ramBytes === 0) {
      throw userError(
        'CHECKPOINT_DISKS_ONLY',
        'This is a snapshot of disks alone, and no state of a guest: start a guest with it (--disks-from).',
      );
    }
    const state = stateFromSections(sections);
    checkGuest(machine, summary.ramBytes, state.harts.length, state.sections);
    checkHarts(state);
    const { console, settings } = recordingOf(sections);
    checkSettings(settings, settingsOf(machine.config));
    const { pages, source } = machine.memory.attach(loaded.ram);
    this.loaded.set(source, loaded);
    return {
      state: { ...state, pages, disks: disks ?? machine.board.disks.map((disk) => disk.freeze()) },
      console,
      name: summary.name === '' ? undefined : summary.name,
      stopMicroseconds: summary.stopMicroseconds,
      saved: archivePath === undefined ? undefined : { archivePath, id: summary.id },
    };
  }

  /** Closes what no page comes from any more. Not while a save is under way: it may still look there. */
  closeUnused(): void {
    for (const source of this.memory().detachUnused()) {
      this.loaded.get(source)?.close();
      this.loaded.delete(source);
    }
  }

  closeAll(): void {
    for (const loaded of this.loaded.values()) loaded.close();
    this.loaded.clear();
  }
}

function recordingOf(sections: readonly Section[]): { console: Uint8Array; settings: SectionData } {
  const data = sections.find(({ name }) => name === SECTION)?.data;
  const console = fieldOf(data, 'console');
  return {
    console: console instanceof Uint8Array ? console : new Uint8Array(0),
    settings: fieldOf(data, 'settings') ?? {},
  };
}

function fieldOf(data: SectionData | undefined, key: string): SectionData | undefined {
  if (typeof data !== 'object' || data === null || data instanceof Uint8Array || Array.isArray(data))
    return undefined;
  const record = data as { readonly [key: string]: SectionData };
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

// --- is it the same guest?

function checkGuest(machine: Machine, ramBytes: number, harts: number, sections: readonly Section[]): void {
  const { config } = machine;
  const mib = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
  if (ramBytes !== config.ramBytes) throw otherGuest('memory', mib(ramBytes), mib(config.ramBytes));
  if (harts !== config.harts) throw otherGuest('harts', harts, config.harts);
  const own = new Map(machine.board.save().map((section) => [section.name, section]));
  const saved = new Map(sections.map((section) => [section.name, section]));
  for (const name of new Set([...own.keys(), ...saved.keys()])) {
    const [then, now] = [saved.get(name), own.get(name)];
    if (kindOf(then) !== kindOf(now)) throw otherGuest(`device ${name}`, kindOf(then), kindOf(now));
  }
}

/** A file from outside may be whole by its hashes, and say anything. */
function checkHarts({ harts, current, quantumLeft, timeSkew }: StateWithoutPages): void {
  const fits =
    harts.every(({ length }) => length === H.end - CURRENT) &&
    harts[current] !== undefined &&
    [quantumLeft, timeSkew].every(Number.isSafeInteger);
  if (!fits) {
    throw userError('STORE_DAMAGED', 'The state of the harts makes no sense: delete this checkpoint.');
  }
}

/** Device and version, as far as they must agree. A virtio slot may hold one device or another, or none. */
function kindOf(section: Section | undefined): string {
  if (!section) return 'none';
  const kind = fieldOf(section.data, 'deviceId');
  const names: Readonly<Record<number, string>> = { 0: 'empty', 2: 'disk', 3: 'console', 4: 'entropy' };
  const device = typeof kind === 'number' ? `${names[kind] ?? `kind ${kind}`}, ` : '';
  return `${device}version ${section.version}`;
}

function checkSettings(saved: SectionData, own: Settings): void {
  for (const [name, value] of Object.entries(own)) {
    const then = fieldOf(saved, name);
    if (then !== undefined && then !== value) throw otherGuest(name, plain(then), value);
  }
}

const plain = (data: SectionData): string => (typeof data === 'object' ? 'unknown' : String(data));

const otherGuest = (what: string, then: string | number, now: string | number | boolean): Error =>
  userError(
    'CHECKPOINT_OTHER_GUEST',
    `The checkpoint is of another guest: ${what} was ${then}, and is ${String(now)} here. Start with the settings ` +
      'with which it was taken.',
  );
