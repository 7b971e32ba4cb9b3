/**
 * The qcow2 layers that the checkpoints of one archive have their disks' contents in. For each base image, known by what it
 * holds, a folder of layers over it (disk/layer-files.ts). A stored pointer's `layer` is a name in that folder.
 *
 * A folder is opened when it is first needed; layers that no checkpoint of the archive names are removed then. It may be
 * opened before the base image is there, or without it: only reads of what no layer holds need it.
 */
import { defined, userError } from '../base/errors';
import { BLOCK_BYTES } from '../disk/block';
import { hashBlock } from '../disk/block-hash';
import type { CowContents, StoredBlocks } from '../disk/cow-disk';
import type { FillOptions } from '../disk/fill-layer';
import type { DiskFolder } from '../disk/folder';
import { LayerFiles, type LayerBase } from '../disk/layer-files';
import { openImage, type ImageFormat, type OpenedImage } from '../disk/open-image';
import { readBlocks } from '../disk/read-blocks';
import type { BaseImage, OpenFile } from '../disk/types';
import type { CheckpointArchive } from './archive';
import { readRecord, writeRecord, type BaseRecord } from './base-record';
import type { DiskPointer as StoredPointer } from './store/manifest';

/** Makes the folder of this name, if it is not there. */
export type OpenLayerFolder = (name: string) => Promise<DiskFolder>;

/** The image under all layers of a folder: opened when something reads it, apart from the guests that run on it. */
class Underneath implements LayerBase, BaseImage {
  name = '';
  format: ImageFormat = 'raw';
  sizeBytes = 0;
  readonly image: BaseImage = this;
  private opened: Promise<OpenedImage> | undefined;

  constructor(
    private path: string,
    private readonly openFile: OpenFile,
  ) {}

  /** A guest has this image: it is known where it is now. */
  use({ image, files }: OpenedImage): void {
    const { path, format } = defined(files[0], 'an image has a file');
    Object.assign(this, { path, name: path, format, sizeBytes: image.sizeBytes });
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const opened = (this.opened ??= openImage(this.path, this.format, this.openFile));
    // What is not there may be later.
    opened.catch(() => (this.opened = undefined));
    return (await opened).image.read(offset, length);
  }

  async close(): Promise<void> {
    const opened = await this.opened?.catch(() => undefined);
    this.opened = undefined;
    await opened?.close();
  }
}

interface Opened {
  readonly folder: DiskFolder;
  readonly under: Underneath;
  readonly files: LayerFiles;
}

export class DiskLayers {
  private readonly folders = new Map<string, Promise<Opened>>();
  private readonly users = new Set<Pick<CheckpointArchive, 'list'>>();
  private lastName = 0;

  constructor(
    private readonly openFolder: OpenLayerFolder,
    private readonly openFile: OpenFile,
  ) {}

  /** An archive that uses the layers; several are of one and the same store. */
  enter(archive: Pick<CheckpointArchive, 'list'>): void {
    this.users.add(archive);
  }

  /** The last one closes them. */
  async leave(archive: Pick<CheckpointArchive, 'list'>): Promise<void> {
    if (!this.users.delete(archive) || this.users.size > 0) return;
    const folders = [...this.folders.values()];
    this.folders.clear();
    for (const folder of folders) {
      const opened = await folder.catch(() => undefined);
      await opened?.files.close();
      await opened?.under.close();
    }
  }

  get isUsed(): boolean {
    return this.users.size > 0;
  }

  /** Writes frozen contents into a layer, or finds the one that has them; its name. Throws what LayerFiles.save throws. */
  async save(
    pointer: StoredPointer,
    image: OpenedImage,
    contents: CowContents,
    options: FillOptions,
  ): Promise<string> {
    const { files } = await this.opened(pointer, image);
    for (const name of files.names) this.lastName = Math.max(this.lastName, Number(name.slice(1)) || 0);
    return files.save(contents, `l${++this.lastName}`, options);
  }

  async load(pointer: StoredPointer, image: OpenedImage): Promise<StoredBlocks> {
    return (await this.opened(pointer, image)).files.load(layerOf(pointer));
  }

  /** False for a layer that is not there, or cannot be reached. */
  async has(pointer: StoredPointer): Promise<boolean> {
    const opened = await this.opened(pointer).catch(() => undefined);
    return opened?.files.names.includes(layerOf(pointer)) ?? false;
  }

  /** One reference less: the checkpoint is deleted, or was not saved. */
  async release(pointer: StoredPointer): Promise<void> {
    await (await this.opened(pointer)).files.release(layerOf(pointer));
  }

  /** All blocks over the base image, with their bytes. */
  async blocks(pointer: StoredPointer): Promise<(readonly [number, Uint8Array])[]> {
    const { files, under } = await this.opened(pointer);
    const { home, blocks } = await files.load(layerOf(pointer));
    home?.retain();
    try {
      return await readBlocks(blocks, under.sizeBytes);
    } finally {
      home?.release();
    }
  }

  /** Hashes of all blocks over the base image, by number. */
  async hashes(pointer: StoredPointer): Promise<Map<number, bigint>> {
    const { files } = await this.opened(pointer);
    const { blocks } = await files.load(layerOf(pointer));
    return new Map([...blocks].map(([at, block]) => [at, block.hash(at)]));
  }

  /** One line for each thing that is wrong with a layer. */
  async problems(pointer: StoredPointer): Promise<string[]> {
    const known = await this.hashes(pointer);
    const problems: string[] = [];
    for (const [index, bytes] of await this.blocks(pointer)) {
      const whole = bytes.length === BLOCK_BYTES ? bytes : bytes.slice();
      if (known.get(index) !== hashBlock(index, whole))
        problems.push(`layer ${layerOf(pointer)}, block ${index} is damaged`);
    }
    return problems;
  }

  /** True when all that stands on the layer's base stands on the layer. */
  async isUnder(pointer: StoredPointer, other: StoredPointer): Promise<boolean> {
    const { files } = await this.opened(pointer);
    return other.layer !== undefined && files.chainOf(other.layer).includes(layerOf(pointer));
  }

  /** The files of a base image; see LayerFiles.commit. */
  async files(pointer: StoredPointer): Promise<LayerFiles> {
    return (await this.opened(pointer)).files;
  }

  /** What has become of a base image since checkpoints were taken over it. */
  async record(pointer: StoredPointer): Promise<BaseRecord> {
    return readRecord(await this.openFolder(folderName(pointer)));
  }

  async setRecord(pointer: StoredPointer, record: BaseRecord): Promise<void> {
    await writeRecord(await this.openFolder(folderName(pointer)), record);
  }

  private async opened(pointer: StoredPointer, image?: OpenedImage): Promise<Opened> {
    const name = folderName(pointer);
    let folder = this.folders.get(name);
    if (folder === undefined) {
      folder = this.open(name, pointer, image);
      this.folders.set(name, folder);
      // What could not be opened is tried again.
      folder.catch(() => this.folders.delete(name));
    }
    const opened = await folder;
    if (image !== undefined) opened.under.use(image);
    return opened;
  }

  /** Pointers of all checkpoints of the archive; undefined while some cannot be read. */
  private async inUse(): Promise<readonly StoredPointer[] | undefined> {
    const [archive] = this.users;
    const summaries = await defined(archive, 'layers are used by an archive').list();
    if (summaries.some(({ damaged }) => damaged)) return undefined;
    return summaries.flatMap(({ disks }) => disks);
  }

  private async open(name: string, pointer: StoredPointer, image: OpenedImage | undefined): Promise<Opened> {
    const folder = await this.openFolder(name);
    const inUse = await this.inUse();
    const kept = inUse?.flatMap((one) =>
      folderName(one) === name && one.layer !== undefined ? [one.layer] : [],
    );
    const under = new Underneath(pointer.path, this.openFile);
    under.format = pointer.format === 'qcow2' ? 'qcow2' : 'raw';
    const before = await LayerFiles.baseOf(folder);
    if (before !== undefined) Object.assign(under, before);
    if (image !== undefined) under.use(image);
    return { folder, under, files: await LayerFiles.open(folder, under, kept ?? 'all') };
  }
}

function layerOf({ layer }: StoredPointer): string {
  if (layer !== undefined) return layer;
  throw userError('LAYER_MISSING', 'The checkpoint names no disk layer: it was not saved in a folder.');
}

/** By the hashes of the image's files. */
function folderName({ contentHash, backing = [] }: StoredPointer): string {
  const digits = (hash: string): string => hash.slice(hash.indexOf(':') + 1).replace(/[^0-9a-z]/gi, '');
  const under = backing.map((file) => digits(file.contentHash).slice(0, 8));
  return ['disk', digits(contentHash).slice(0, 32), ...under].join('-').slice(0, 120);
}
