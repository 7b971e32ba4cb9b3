/**
 * Which guest a checkpoint was taken of, as it is kept with the checkpoint (CheckpointInfo.guest): what made the machine
 * what it is, with hashes in place of trust in paths. Programs, firmware and initrd are in the checkpoint's RAM already;
 * disks are named by their pointers (row S18). Settings that do not change the machine (idle, console) are not in it.
 */
import { userError, type UserError } from '../base/errors';
import { DISK_SLOTS, HARTS_MAX, type DiskConfiguration, type LaunchConfiguration } from './launch';
import { Message, present } from './message';

/** A file that the guest was made of. */
export interface GuestFile {
  /** Absolute. */
  readonly path: string;
  /** Of its bytes, as the host makes it. */
  readonly hash: string;
}

export interface SavedDiskSettings {
  readonly file: string;
  readonly readOnly: boolean;
  readonly format?: 'raw' | 'qcow2';
  readonly slot?: number;
}

export interface SavedGuest {
  readonly program: GuestFile;
  /** `builtin`, `none`, or a file. */
  readonly firmware: 'builtin' | 'none' | GuestFile;
  readonly memoryBytes: number;
  readonly harts: number;
  readonly kernelArgs: string;
  readonly virtio: 'modern' | 'legacy';
  readonly initrd?: GuestFile;
  readonly disks: readonly SavedDiskSettings[];
}

/** Settings that somebody gave by himself; what is absent follows the checkpoint. */
export type GivenSettings = Partial<
  Pick<
    LaunchConfiguration,
    'program' | 'firmware' | 'memoryBytes' | 'harts' | 'kernelArgs' | 'initrd' | 'virtio' | 'disks'
  >
>;

/** Those of a launch; `launch` is what parseLaunch made of it. */
export function givenByLaunch(value: unknown, launch: LaunchConfiguration): GivenSettings {
  const message = new Message('launch', value);
  const keys = ['program', 'firmware', 'harts', 'kernelArgs', 'initrd', 'virtio', 'disks'] as const;
  const given = keys.filter((key) => message.field(key) !== undefined && launch[key] !== '');
  return {
    ...Object.fromEntries(given.map((key) => [key, launch[key]])),
    ...(message.field('memory') === undefined ? {} : { memoryBytes: launch.memoryBytes }),
  };
}

const VERSION = 1;

/** As plain data, for CheckpointInfo.guest. */
export function encodeGuest(guest: SavedGuest) {
  const { program, firmware, initrd, disks, ...settings } = guest;
  return {
    version: VERSION,
    ...settings,
    program: { ...program },
    firmware: typeof firmware === 'string' ? firmware : { ...firmware },
    ...(initrd ? { initrd: { ...initrd } } : {}),
    disks: disks.map((disk) => ({ ...disk })),
  };
}

/** Throws UserError 'CHECKPOINT_GUEST_UNKNOWN' for what is no description of a guest, or a newer one. */
export function decodeGuest(value: unknown): SavedGuest {
  try {
    return parseGuest(new Message('guest of the checkpoint', value));
  } catch (error) {
    throw userError(
      'CHECKPOINT_GUEST_UNKNOWN',
      'The checkpoint does not say which guest it is of, or a newer version wrote it: update Chronovisor, or take it again.',
      error,
    );
  }
}

function parseGuest(message: Message): SavedGuest {
  if (message.count('version') > VERSION) throw message.wrong('version', 'a known version', undefined);
  const harts = message.count('harts');
  if (harts < 1 || harts > HARTS_MAX) throw message.wrong('harts', `1 to ${String(HARTS_MAX)}`, harts);
  const firmware = message.field('firmware');
  return {
    program: message.part('program', parseFile),
    firmware: firmware === 'builtin' || firmware === 'none' ? firmware : parseFile(firmware),
    memoryBytes: message.count('memoryBytes'),
    harts,
    kernelArgs: message.text('kernelArgs'),
    virtio: message.optionalWord('virtio', ['modern', 'legacy']) ?? 'modern',
    disks: message.list('disks', parseDisk),
    ...(message.field('initrd') === undefined ? {} : { initrd: message.part('initrd', parseFile) }),
  };
}

function parseFile(value: unknown): GuestFile {
  const message = new Message('file', value);
  return { path: message.text('path'), hash: message.text('hash') };
}

function parseDisk(value: unknown): SavedDiskSettings {
  const message = new Message('disk', value);
  const slot = message.optionalCount('slot');
  if (slot !== undefined && slot >= DISK_SLOTS) throw message.wrong('slot', '0 to 7', slot);
  return {
    file: message.text('file'),
    readOnly: message.flag('readOnly'),
    ...present({ format: message.optionalWord('format', ['raw', 'qcow2']), slot }),
  };
}

// --- is it the same guest?

type NamedFiles = { readonly [K in 'program' | 'firmware' | 'initrd']?: GuestFile | undefined };

/**
 * What of the given settings is otherwise in the checkpoint, a phrase each. `files` are the given files with their hashes:
 * the same file at another place is the same. Paths of disks are no differences: their pointers are checked where they
 * are opened.
 */
export function differencesOf(saved: SavedGuest, given: GivenSettings, files: NamedFiles): string[] {
  const found: string[] = [];
  const say = (what: string, now: string | number, then: string | number): void => {
    if (now !== then) found.push(`${what} is ${shown(now)} and was ${shown(then)}`);
  };
  const sayFile = (what: string, now: GuestFile | undefined, then: GuestFile | undefined): void => {
    if (!now || now.hash === then?.hash) return;
    if (!then) found.push(`${what} is ${now.path} and there was none`);
    else if (now.path === then.path) found.push(`${what} ${now.path} has been changed since`);
    else found.push(`${what} is ${now.path} and was ${then.path}, which is another file`);
  };
  const { firmware } = saved;
  sayFile('the program', files.program, saved.program);
  const now = given.firmware ?? files.firmware?.path;
  if (files.firmware && typeof firmware !== 'string') sayFile('the firmware', files.firmware, firmware);
  else if (now !== undefined)
    say('the firmware', now, typeof firmware === 'string' ? firmware : firmware.path);
  sayFile('the initrd', files.initrd, saved.initrd);
  say('the memory', given.memoryBytes ?? saved.memoryBytes, saved.memoryBytes);
  say('the number of harts', given.harts ?? saved.harts, saved.harts);
  say('the kernel command line', given.kernelArgs ?? saved.kernelArgs, saved.kernelArgs);
  say('virtio', given.virtio ?? saved.virtio, saved.virtio);
  if (given.disks) found.push(...diskDifferences(saved.disks, given.disks));
  return found;
}

/** A checkpoint of the one can be loaded in a session of the other, as far as settings and files tell. */
export function isSameGuest(one: SavedGuest, other: SavedGuest): boolean {
  const { program, firmware, initrd, disks, ...settings } = other;
  const given = { ...settings, disks, ...(typeof firmware === 'string' ? { firmware } : {}) };
  const files = { program, initrd, firmware: typeof firmware === 'string' ? undefined : firmware };
  return one.initrd?.hash === initrd?.hash && differencesOf(one, given, files).length === 0;
}

const shown = (value: string | number): string =>
  typeof value === 'number' ? String(value) : value === '' ? 'none' : `"${value}"`;

function diskDifferences(saved: readonly SavedDiskSettings[], given: readonly DiskConfiguration[]): string[] {
  if (saved.length !== given.length) {
    return [`the number of disks is ${given.length} and was ${saved.length}`];
  }
  return given.flatMap(({ slot, readOnly }, index) => {
    const then = saved[index];
    if (then?.slot !== slot) return [`disk ${index} is in another slot`];
    return then?.readOnly === readOnly ? [] : [`disk ${index} is ${readOnly ? '' : 'not '}read-only`];
  });
}

export const guestDiffers = (differences: readonly string[]): UserError =>
  userError(
    'CHECKPOINT_GUEST',
    `The checkpoint is of another guest (${differences.join('; ')}): ` +
      'leave these settings out, or start without the checkpoint.',
  );
