/**
 * An archive of checkpoints together with what their disks hold. How it is used:
 *
 *   open     const archive = openDiskArchive(await openArchive(path)): host/disk/disk-archive.ts
 *   guest    openGuest(settings, files, { archive, ... }): its disks become known here, and their base images are hashed in
 *            the background, so that a save need not wait for it
 *   save     TimeMachine saves with SaveRequest.frozenDisks; see `save`
 *   resume   const from = await archive.load(id); openGuest(settings, files, { archive, from, ... }); the base images are
 *            checked before anything runs
 *   disks    archive.saveDisks(disks, info) keeps the disks alone (S23); openGuest(..., { archive, disksFrom }) starts a
 *            guest from power-on with the disks of a checkpoint, or of such a snapshot
 *   commit   archive.commitDisks(id): what a checkpoint's disks hold goes into their base images
 *   others   delete, exportTo, verify, close: as of any archive; layers are seen to
 *
 * In a folder store, what was written over a base image is a layer there: a real qcow2 file with a backing file, on disk
 * before the checkpoint is in the list, and merged away after it has left it. Elsewhere the written blocks are part of the
 * checkpoint. What a crash leaves behind is removed when the layers are opened next.
 *
 * Guests that were resumed from layers read them until they are disposed of: close the archive after that.
 */
import { defined, invariant, UserError, userError } from '../base/errors';
import { Block, ZERO_BLOCK } from '../disk/block';
import { hashBlock } from '../disk/block-hash';
import { CowContents, CowDisk, type StoredBlocks } from '../disk/cow-disk';
import type { FillOptions } from '../disk/fill-layer';
import type { OpenedImage } from '../disk/open-image';
import type { DiskFiles } from '../disk/pointer';
import { readBlocks } from '../disk/read-blocks';
import type { OpenFile, WritableFile } from '../disk/types';
import type { DiskContents, DiskPort } from '../machine/device';
import type { CheckpointArchive, LoadedCheckpoint, SavedDisk, SaveJob, SaveRequest } from './archive';
import { commitDisks } from './disk-commit';
import type { DiskLayers } from './disk-layers';
import { checkChain, fromStored, makeChain, toStored, type Chain } from './disk-pointers';
import { DiskSave } from './disk-save';
import { storeFull } from './store/errors';
import type { CheckpointInfo, DiskPointer } from './store/manifest';
import type { CheckpointSummary } from './store/stored';
import type { Verification } from './store/verify';

/** What the host does for disks. */
export interface DiskHost {
  readonly files: DiskFiles;
  /** For reading. */
  readonly open: OpenFile;
  /** For writing, what exists. */
  openWritable(path: string): Promise<WritableFile>;
  /** Of the archive; undefined for one that is no folder. */
  readonly layers: DiskLayers | undefined;
  /** Bytes of all files of the layers. */
  layerBytes(): Promise<number>;
  /** Resolves after so many milliseconds: a guest is not slowed down by its layers being written. */
  pause(ms: number): Promise<void>;
}

interface KnownDisk {
  readonly opened: OpenedImage;
  readonly chain: Promise<Chain>;
}

const owners = new WeakMap<LoadedCheckpoint, DiskArchive>();

/** The archive that a checkpoint was loaded from: its layers are there. */
export const archiveOf = (loaded: LoadedCheckpoint): DiskArchive | undefined => owners.get(loaded);

export class DiskArchive implements CheckpointArchive {
  private readonly layers: DiskLayers | undefined;
  private readonly disks = new WeakMap<CowDisk, KnownDisk>();
  private readonly saving = new Set<SaveJob>();

  constructor(
    private readonly inner: CheckpointArchive,
    private readonly host: DiskHost,
    /** Images that have moved: where they were, and where they are now. */
    private readonly relocated: ReadonlyMap<string, string> = new Map<string, string>(),
  ) {
    this.layers = host.layers;
    this.layers?.enter(inner);
  }

  get path(): string {
    return this.inner.path;
  }
  get fellBack(): boolean {
    return this.inner.fellBack;
  }

  // --- guests

  /** Opens an image file, or the one that it has moved to. */
  async openFile(name: string, from?: string): ReturnType<OpenFile> {
    return this.host.open(this.relocated.get(name) ?? name, from);
  }

  /** A guest runs on this disk: it can be saved from now on. `chain` is what resume has checked. */
  attach(disk: CowDisk, opened: OpenedImage, chain?: Chain): void {
    const known = chain === undefined ? this.chainOf(opened) : Promise.resolve(chain);
    // Told to whoever saves.
    known.catch(() => undefined);
    this.disks.set(disk, { opened, chain: known });
  }

  /**
   * What a disk needs to go on from a checkpoint. Throws 'DISK_MISSING', 'DISK_SIZE_CHANGED', 'DISK_CONTENTS_CHANGED',
   * 'DISK_CHAIN_CHANGED', 'LAYER_MISSING', 'LAYER_DAMAGED'.
   */
  async resume(
    { pointer, blocks }: SavedDisk,
    opened: OpenedImage,
  ): Promise<{ readonly stored: StoredBlocks; readonly chain: Chain }> {
    const chain = await this.check(pointer, opened);
    if (pointer.layer === undefined) return { chain, stored: { blocks: blocks.map(toBlock) } };
    if (this.layers === undefined) throw layersElsewhere();
    return { chain, stored: await this.layers.load(pointer, opened) };
  }

  /**
   * Contents of a running guest's disks, as a checkpoint of the archive has them: for TimeMachine.adoptCheckpoint. Throws
   * resume's errors, and 'DISKS_DIFFER'.
   */
  async contents(saved: readonly SavedDisk[], ports: readonly DiskPort[]): Promise<DiskContents[]> {
    if (saved.length !== ports.length) throw disksDiffer(saved.length, ports.length);
    const contents: DiskContents[] = [];
    try {
      for (const [at, disk] of saved.entries()) {
        const port = ports[at];
        invariant(port instanceof CowDisk, 'the disks of guests are copy-on-write');
        const known = this.disks.get(port);
        invariant(known, 'a disk whose guest was opened with this archive');
        contents.push(port.adopt((await this.resume(disk, known.opened)).stored));
      }
      return contents;
    } catch (error) {
      for (const one of contents) one.release();
      throw error;
    }
  }

  /**
   * The pointers of an image's files, if they are those of a checkpoint. Whatever commits have done to the image, it goes by
   * the hash that it had in the checkpoint: the layers over it are found by that, and what is saved next stands on them.
   */
  async check(pointer: DiskPointer, { files }: OpenedImage): Promise<Chain> {
    const { now, committing } = (await this.layers?.record(pointer)) ?? {};
    const chain = fromStored(now ?? pointer);
    const checked =
      committing === true
        ? await this.checkBetween(chain, files)
        : await checkChain(chain, files, this.host.files);
    return checked.map((one, at) => (at === 0 ? { ...one, hash: pointer.contentHash } : one));
  }

  /** The image's own bytes are between two states: what is not in it yet is still in the layer. */
  private async checkBetween(chain: Chain, files: OpenedImage['files']): Promise<Chain> {
    const { path } = defined(files[0], 'an image has a file');
    const found = await this.host.files.stat(path);
    const own = { ...defined(chain[0], 'an image has a pointer'), path, ...found };
    return [own, ...(await checkChain(chain.slice(1), files.slice(1), this.host.files))];
  }

  private async chainOf({ files }: OpenedImage): Promise<Chain> {
    const known = (await this.inner.list()).flatMap(({ disks }) => disks.flatMap(fromStored));
    return makeChain(files, known, this.host.files);
  }

  // --- saving

  save(request: SaveRequest): SaveJob {
    const { frozenDisks, ...rest } = request;
    if (frozenDisks === undefined) return this.inner.save(request);
    const held = frozenDisks.map((contents) => cowContents(contents).again());
    const job: DiskSave = new DiskSave({
      prepare: (options) => this.prepare(held, options),
      save: (disks) => this.inner.save({ ...rest, disks }),
      discard: (disks) => this.releaseAll(disks.map(({ pointer }) => pointer)),
      ended: () => {
        for (const contents of held) contents.release();
        this.saving.delete(job);
      },
      pause: (ms) => this.host.pause(ms),
    });
    this.saving.add(job);
    return job;
  }

  /** Keeps disks alone: a checkpoint without memory (S23). */
  saveDisks(frozenDisks: readonly DiskContents[], info: Omit<CheckpointInfo, 'ramBytes'>): SaveJob {
    const ram = {
      memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
      directory: new Uint32Array(0),
      ramBytes: 0,
    };
    return this.save({
      info: { ...info, ramBytes: 0 },
      sections: [],
      ram,
      disks: [],
      frozenDisks,
      sources: [],
    });
  }

  private async prepare(held: readonly CowContents[], options: FillOptions): Promise<SavedDisk[]> {
    const saved: SavedDisk[] = [];
    // Also before: the guest reads from a layer that was refused, so its file stays until the guest has ended.
    await this.checkBudget();
    try {
      for (const contents of held) saved.push(await this.prepareOne(contents, options));
      await this.checkBudget();
      return saved;
    } catch (error) {
      await this.releaseAll(saved.map(({ pointer }) => pointer));
      throw error;
    }
  }

  private async prepareOne(contents: CowContents, options: FillOptions): Promise<SavedDisk> {
    const known = this.disks.get(contents.disk);
    invariant(known, 'a disk whose guest was opened with this archive');
    const chain = await known.chain;
    await this.checkUntouched(chain);
    const { blocks, homes } = contents.changes(undefined);
    if (blocks.size === 0) return { pointer: toStored(chain), blocks: [] };
    if (this.layers !== undefined) {
      const layer = await this.layers.save(toStored(chain), known.opened, contents, options);
      return { pointer: toStored(chain, layer), blocks: [] };
    }
    for (const home of homes) home.retain();
    try {
      return { pointer: toStored(chain), blocks: await readBlocks(blocks, contents.disk.sizeBytes) };
    } finally {
      for (const home of homes) home.release();
    }
  }

  /** The store's space budget counts its layers: of them is known only afterwards how much they need. */
  private async checkBudget(): Promise<void> {
    if (this.layers === undefined) return;
    const [{ freeBytes }, layerBytes] = await Promise.all([this.inner.statistics(), this.host.layerBytes()]);
    if (layerBytes > freeBytes) throw storeFull();
  }

  /** An image that is written while a guest uses it is of no use to any checkpoint. */
  private async checkUntouched(chain: Chain): Promise<void> {
    for (const { path, stamp } of chain) {
      if ((await this.host.files.stat(path))?.stamp === stamp) continue;
      throw userError(
        'DISK_CONTENTS_CHANGED',
        `The disk image ${path} has been written while the guest uses it: what the guest sees is in doubt. ` +
          'Start the guest again.',
      );
    }
  }

  // --- all other things

  list(): Promise<readonly CheckpointSummary[]> {
    return this.inner.list();
  }
  async load(id: string): Promise<LoadedCheckpoint> {
    const loaded = await this.inner.load(id);
    owners.set(loaded, this);
    return loaded;
  }
  update(id: string, change: { readonly name?: string; readonly notes?: string }): Promise<void> {
    return this.inner.update(id, change);
  }

  async delete(id: string): Promise<void> {
    const disks = (await this.pointersOf(id)).filter(({ layer }) => layer !== undefined);
    // Before: once it is in no list, its layers are not known to be in use.
    const isOpen = await Promise.all(disks.map(async (pointer) => this.layers?.has(pointer)));
    await this.inner.delete(id);
    await this.releaseAll(disks.filter((_, at) => isOpen[at]));
  }

  /** Reads all of a checkpoint, and its layers. */
  async verify(id: string): Promise<Verification> {
    const found = await this.inner.verify(id);
    const problems = [...found.problems];
    for (const pointer of await this.pointersOf(id)) {
      if (pointer.layer === undefined) continue;
      try {
        if (this.layers === undefined) throw layersElsewhere();
        problems.push(...(await this.layers.problems(pointer)));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        problems.push(error.message);
      }
    }
    return { ...found, problems };
  }

  /** Hashes of the blocks that a checkpoint's disk has over its base image, by number. */
  async blockHashes({ pointer, blocks }: SavedDisk): Promise<ReadonlyMap<number, bigint>> {
    if (pointer.layer === undefined) return new Map(blocks.map(([at, bytes]) => [at, hashBlock(at, bytes)]));
    if (this.layers === undefined) throw layersElsewhere();
    return this.layers.hashes(pointer);
  }

  /** The file needs nothing but the base images: what is in layers goes into it. */
  async exportTo(id: string, path: string): Promise<void> {
    const pointers = await this.pointersOf(id);
    const records = await Promise.all(pointers.map(async (pointer) => this.layers?.record(pointer)));
    if (pointers.every(({ layer }, at) => layer === undefined && records[at]?.now === undefined))
      return this.inner.exportTo(id, path);
    const loaded = await this.inner.load(id);
    try {
      const disks: SavedDisk[] = [];
      for (const [at, { pointer, blocks }] of loaded.disks.entries()) {
        const { layer, ...rest } = pointer;
        if (layer !== undefined && this.layers === undefined) throw layersElsewhere();
        disks.push({
          pointer: records[at]?.now ?? rest,
          blocks: (layer === undefined ? undefined : await this.layers?.blocks(pointer)) ?? blocks,
        });
      }
      await this.inner.exportTo(id, path, disks);
    } finally {
      loaded.close();
    }
  }

  importFrom(path: string): Promise<readonly string[]> {
    return this.inner.importFrom(path);
  }
  /** With the layers. */
  async statistics(): ReturnType<CheckpointArchive['statistics']> {
    const [found, layerBytes] = await Promise.all([this.inner.statistics(), this.host.layerBytes()]);
    return {
      ...found,
      sizeBytes: found.sizeBytes + layerBytes,
      liveBytes: found.liveBytes + layerBytes,
      freeBytes: Math.max(0, found.freeBytes - layerBytes),
    };
  }

  /**
   * Moves what a checkpoint's disks hold into their base images, which are written for it. The checkpoint stays. Throws
   * 'COMMIT_IN_USE' when other checkpoints of the archive stand on them, 'COMMIT_NEEDS_FOLDER', and resume's errors.
   * Interrupted, it is done again: meanwhile the checkpoint is as usable as before.
   */
  async commitDisks(id: string): Promise<void> {
    if (this.layers === undefined) {
      throw userError(
        'COMMIT_NEEDS_FOLDER',
        `${this.path} is no folder, so what becomes of the base image could not be kept in it: import the checkpoint into a ` +
          'folder store and commit it there.',
      );
    }
    const summaries = await this.list();
    const loaded = await this.load(id);
    try {
      await commitDisks(id, loaded.disks, {
        ...{ summaries, layers: this.layers, host: this.host },
        openFile: (name, from) => this.openFile(name, from),
        check: (pointer, opened) => this.check(pointer, opened),
      });
    } finally {
      loaded.close();
    }
  }

  async close(): Promise<void> {
    const saving = [...this.saving];
    for (const job of saving) job.cancel();
    await Promise.allSettled(saving.map(({ done }) => done));
    try {
      await this.layers?.leave(this.inner);
    } finally {
      await this.inner.close();
    }
  }

  private async pointersOf(id: string): Promise<readonly DiskPointer[]> {
    return (await this.list()).find((summary) => summary.id === id)?.disks ?? [];
  }

  private async releaseAll(pointers: readonly DiskPointer[]): Promise<void> {
    for (const pointer of pointers) if (pointer.layer !== undefined) await this.layers?.release(pointer);
  }
}

function cowContents(contents: DiskContents): CowContents {
  invariant(contents instanceof CowContents, 'the disks of guests are copy-on-write');
  return contents;
}

const toBlock = ([index, bytes]: readonly [number, Uint8Array]): readonly [number, Block] => [
  index,
  bytes.every((byte) => byte === 0) ? ZERO_BLOCK : new Block(bytes),
];

const layersElsewhere = (): UserError =>
  userError(
    'LAYER_MISSING',
    'What the disks of this checkpoint hold is in layers beside its store, which is no folder: open the folder, or export from it.',
  );

export const disksDiffer = (saved: number, given: number): UserError =>
  userError(
    'DISKS_DIFFER',
    `The checkpoint was taken of a guest with ${saved} disks, and this one has ${given}: start it with the same disks.`,
  );
