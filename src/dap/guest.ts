/**
 * From settings to a guest that stands at power-on: reads the files, places the images, opens the disks, loads the
 * symbols. Used by the debug adapter and by the command line alike, so that both run the same machine.
 */
import { invariant, userError } from '../base/errors';
import { Emitter, type Event } from '../base/events';
import type { LoadedCheckpoint } from '../checkpoint/archive';
import { archiveOf, disksDiffer, type DiskArchive } from '../checkpoint/disk-archive';
import { CowDisk } from '../disk/cow-disk';
import { openImage, type OpenedImage } from '../disk/open-image';
import type { OpenFile } from '../disk/types';
import {
  KERNEL_ADDRESS,
  kernelImage,
  planBoot,
  rawImage,
  type BootImage,
  type Firmware,
} from '../machine/boot';
import type { DiskConfig, LoadSegment, MachineConfig } from '../machine/config';
import { RAM_BASE } from '../machine/layout';
import type { DiskConfiguration, LaunchConfiguration } from '../protocol';
import type { ByteSource } from '../symbols/bytes';
import type { FileOpener } from '../symbols/companions';
import { ElfFile } from '../symbols/elf/elf-file';
import { loadableSegments, segmentBytes, type LoadableSegment } from '../symbols/elf/load';
import { SearchGate } from '../symbols/search';
import { SymbolFile } from '../symbols/symbol-file';
import type { Symbols } from '../symbols/symbols';
import { companionsOf, openPrograms, type LoadedFile, type ProgramFiles } from './guest-programs';
import { Spaces, type GuestProgram, type UnplacedProgram } from './spaces';
import { TimeMachine, type TimeMachineOptions } from '../timetravel/time-machine';

/** Files of the host. */
export interface GuestFiles {
  /** The whole file. Rejects with UserError FILE_MISSING or FILE_UNREADABLE, which name the path. */
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Opens a file to be read by parts for as long as these files are in use: programs with their symbols, of which a small part
   * is needed. Rejects as readFile does.
   */
  openSource(path: string): Promise<ByteSource>;
  /** Opens a file that belongs to a program's symbols, for as long. */
  readonly openCompanion: FileOpener;
  /** Opens a disk image (or its backing file, named by the image `from`) for reading. */
  readonly openDisk: OpenFile;
  /** An absolute path from one that may be relative to `cwd`. */
  resolve(path: string, cwd: string | undefined): string;
}

/** What a guest is made of: the settings that the command line has too. */
export type GuestSettings = Pick<
  LaunchConfiguration,
  'program' | 'firmware' | 'memoryBytes' | 'harts' | 'kernelArgs' | 'initrd' | 'disks' | 'idle' | 'cwd'
> &
  Partial<Pick<LaunchConfiguration, 'virtio' | 'symbolFiles' | 'debugDirectories'>>;

export interface Guest {
  readonly debuggee: TimeMachine;
  /** Of the kernel's side: program, firmware, and symbolFiles of the kernel. */
  readonly symbols: Symbols;
  readonly programs: readonly GuestProgram[];
  readonly unplaced: readonly UnplacedProgram[];
  /** Of symbol files that cannot be used. */
  readonly symbolWarnings: readonly string[];
  readonly programPath: string;
  /** Physical address of the first instruction behind the reset ROM. */
  readonly entry: bigint;
  /** Says that the host could not read a disk, which the guest sees as an I/O error. Each reason is told once. */
  readonly diskErrors: Event<string>;
  /** For who can wait while a symbol file is searched. */
  readonly searches: SearchGate;
}

interface LoadedProgram {
  readonly image: BootImage;
  readonly elf: ElfFile | undefined;
}

export interface GuestOptions extends Omit<TimeMachineOptions, 'idle'> {
  /** Where checkpoints are saved, or `from` and `disksFrom` are; see DiskArchive. */
  readonly archive?: DiskArchive;
  /** A guest from power-on, with disks as this checkpoint or disk-only snapshot of the archive has them. */
  readonly disksFrom?: LoadedCheckpoint;
}

/**
 * Throws UserErrors: FILE_*, ELF_*, IMAGE_*, IMAGES_OVERLAP, ENTRY_OUTSIDE_RAM, INITRD_TOO_LARGE, DISK_*, QCOW2_*; with
 * `from` and `disksFrom` those of DiskArchive.resume, and DISKS_DIFFER, too.
 */
export async function openGuest(
  settings: GuestSettings,
  files: GuestFiles,
  options: GuestOptions,
): Promise<Guest> {
  const resolve = (path: string): string => files.resolve(path, settings.cwd);
  const { firmware, firmwareElf } = await loadFirmware(settings.firmware, files, resolve);
  const programPath = resolve(settings.program);
  const program = loadProgram(
    await files.openSource(programPath),
    (bytes) => kernelImage(bytes, firmware),
    programPath,
  );
  const initrd = settings.initrd === undefined ? undefined : await files.readFile(resolve(settings.initrd));
  const boot = planBoot({
    ramBytes: settings.memoryBytes,
    harts: settings.harts,
    svadu: true,
    firmware,
    program: program.image,
    ...(initrd ? { initrd } : {}),
    ...(settings.kernelArgs === '' ? {} : { kernelArgs: settings.kernelArgs }),
  });
  const diskErrors = new Emitter<string>();
  const config: MachineConfig = {
    ramBytes: settings.memoryBytes,
    harts: settings.harts,
    boot,
    legacyVirtio: settings.virtio === 'legacy',
    disks: await openDisks(settings.disks, files, resolve, options, diskErrors),
  };
  const loaded: LoadedFile[] = [];
  const { openCompanion } = files;
  const searches = new SearchGate();
  const from: ProgramFiles = {
    ...{ open: (path) => files.openSource(path), openCompanion, searches },
    ...(settings.debugDirectories && { debugDirectories: settings.debugDirectories.map(resolve) }),
  };
  const keep = (path: string, elf: ElfFile | undefined): void => {
    if (elf) loaded.push({ path, elf, symbols: SymbolFile.of(elf, companionsOf(path, from)) });
  };
  keep(programPath, program.elf);
  keep(resolve(settings.firmware), firmwareElf);
  const { programs, unplaced, warnings } = await openPrograms(
    loaded,
    settings.symbolFiles ?? [],
    from,
    resolve,
  );
  return {
    debuggee: new TimeMachine(config, { ...options, idle: settings.idle }),
    symbols: new Spaces(programs, () => true).kernel,
    programs,
    unplaced,
    symbolWarnings: warnings,
    programPath,
    entry: BigInt(boot.entry),
    diskErrors: diskErrors.event,
    searches,
  };
}

async function loadFirmware(
  name: string,
  files: GuestFiles,
  resolve: (path: string) => string,
): Promise<{ readonly firmware: Firmware; readonly firmwareElf: ElfFile | undefined }> {
  if (name === 'none' || name === 'builtin') return { firmware: { kind: name }, firmwareElf: undefined };
  const path = resolve(name);
  const { image, elf } = loadProgram(
    await files.openSource(path),
    (bytes) => rawImage(bytes, RAM_BASE),
    path,
  );
  return { firmware: { kind: 'image', image }, firmwareElf: elf };
}

const isElf = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

/** An ELF file by its segments; anything else as a raw image. */
function loadProgram(file: ByteSource, raw: (bytes: Uint8Array) => BootImage, path: string): LoadedProgram {
  if (file.size === 0) throw userError('PROGRAM_EMPTY', `${path} is empty: build it again.`);
  const magic = file.read(0, 4);
  if (!isElf(magic)) {
    if (magic[0] === 0x1f && magic[1] === 0x8b) {
      throw userError('PROGRAM_COMPRESSED', `${path} is compressed: unpack it with gunzip first.`);
    }
    return { image: raw(file.read(0, file.size)), elf: undefined };
  }
  const elf = ElfFile.open(file);
  const loadable = placedSegments(elf);
  const segments: LoadSegment[] = loadable.map((segment) => ({
    address: Number(segment.paddr),
    bytes: segmentBytes(elf, segment),
    sizeBytes: segment.memSize,
  }));
  const physical = (address: bigint): number => Number(physicalOf(address, loadable));
  const symbols = SymbolFile.of(elf);
  const special = (name: string): number | undefined => {
    const symbol = symbols.symbolNamed(name);
    return symbol && physical(symbol.address);
  };
  const tohost = special('tohost');
  const fromhost = special('fromhost');
  return {
    image: {
      segments,
      entry: physical(elf.header.entry),
      ...(tohost === undefined ? {} : { tohost }),
      ...(fromhost === undefined ? {} : { fromhost }),
    },
    elf,
  };
}

/**
 * The segments at their physical addresses. Linux's vmlinux has offsets from the kernel's beginning there, from 0 on:
 * it goes where its Image would.
 */
function placedSegments(elf: ElfFile): LoadableSegment[] {
  const segments = loadableSegments(elf);
  const isOffsets = segments.every((segment) => segment.paddr + BigInt(segment.memSize) <= BigInt(RAM_BASE));
  if (segments[0]?.paddr !== 0n || !isOffsets || segments[0].vaddr === 0n) return segments;
  return segments.map((segment) => ({ ...segment, paddr: segment.paddr + BigInt(KERNEL_ADDRESS) }));
}

/** A kernel linked at virtual addresses starts at a physical one: through the segment that holds it. */
function physicalOf(address: bigint, segments: readonly LoadableSegment[]): bigint {
  for (const { vaddr, paddr, memSize } of segments) {
    if (address >= vaddr && address < vaddr + BigInt(memSize)) return address - vaddr + paddr;
  }
  return address;
}

async function openDisks(
  disks: readonly DiskConfiguration[],
  files: GuestFiles,
  resolve: (path: string) => string,
  options: GuestOptions,
  errors: Emitter<string>,
): Promise<DiskConfig[]> {
  const loaded = options.from?.loaded ?? options.disksFrom;
  const count = loaded?.disks.length ?? disks.length;
  if (count !== disks.length) throw disksDiffer(count, disks.length);
  const source = loaded && (archiveOf(loaded) ?? options.archive);
  invariant(count === 0 || !loaded || source, 'a checkpoint of a guest with disks has an archive');
  return Promise.all(
    disks.map((disk, at) => {
      const saved = loaded?.disks[at];
      const resume = saved && source && ((opened: OpenedImage) => source.resume(saved, opened));
      const path = resolve(disk.file);
      const openFile: OpenFile = (name, from) =>
        options.archive === undefined ? files.openDisk(name, from) : options.archive.openFile(name, from);
      return openDisk(disk, path, openFile, { ...options, resume, errors });
    }),
  );
}

interface DiskOptions {
  readonly archive?: DiskArchive;
  readonly resume: ((opened: OpenedImage) => ReturnType<DiskArchive['resume']>) | undefined;
  readonly errors: Emitter<string>;
}

async function openDisk(
  disk: DiskConfiguration,
  path: string,
  openFile: OpenFile,
  { archive, resume, errors }: DiskOptions,
): Promise<DiskConfig> {
  const opened = await openImage(path, disk.format, openFile);
  const onDispose = (): void => void opened.close().catch(() => undefined);
  const resumed = await resume?.(opened).catch((error: unknown) => {
    onDispose();
    throw error;
  });
  const port = new CowDisk(opened.image, {
    readOnly: disk.readOnly,
    ...(resumed === undefined ? {} : { stored: resumed.stored }),
  });
  archive?.attach(port, opened, resumed?.chain);
  const told = new Set<string>();
  const onError = (message: string): void => {
    if (!told.has(message)) errors.fire(`The disk image ${path} gives the guest an I/O error: ${message}`);
    told.add(message);
  };
  return { port, onError, onDispose, ...(disk.slot === undefined ? {} : { slot: disk.slot }) };
}
