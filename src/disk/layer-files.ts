/**
 * Disk layers as qcow2 files in a folder, each over its parent or over the base image: a tree, one leaf or branch for
 * each checkpoint that is kept. A layer that nobody refers to any more is merged into its only child, or deleted.
 *
 * Work on the files is done one piece after the other, in the background; the guest's requests overlap with it. A file
 * under construction has another name: what bears a layer's name is whole. A crash at any moment leaves each kept
 * layer's contents as they are; what it leaves besides is removed by `open`. One process at a time uses a folder.
 */
import { invariant, messageOf, userError } from '../base/errors';
import { Block, type Home } from './block';
import { decodeBlockList, encodeBlockList, layerDamaged } from './block-list';
import type { CowContents, StoredBlocks } from './cow-disk';
import { fillLayer, type FillOptions } from './fill-layer';
import { readWhole, writeWhole, type DiskFolder } from './folder';
import { LayerNode } from './layer-node';
import { HEADER_READ_BYTES, parseHeader, type Qcow2Header } from './qcow2/header';
import type { Backing } from './qcow2/new-header';
import { Qcow2Layer } from './qcow2/qcow2-layer';
import type { BaseImage } from './types';

/** The image under all layers: never written, except by `commit` into it. */
export interface LayerBase extends Backing {
  readonly image: BaseImage;
}

/** Where `commit` writes to. */
export interface CommitTarget {
  write(offset: number, data: Uint8Array): Promise<void>;
  writeZeroes(offset: number, length: number): Promise<void>;
  flush(): Promise<void>;
}

const SUFFIX = '.qcow2';
/** The list of blocks beside a layer. */
const BLOCKS = '.blocks';
const UNDER_CONSTRUCTION = '.new';

export class LayerFiles {
  private readonly nodes = new Map<string, LayerNode>();
  private tail: Promise<void> = Promise.resolve();
  private failure: Error | undefined;

  private constructor(
    private readonly folder: DiskFolder,
    private readonly base: LayerBase,
  ) {}

  /**
   * Opens a folder of layers over `base`. `kept` are the names that checkpoints refer to, each as often as it is referred
   * to; whatever is not needed for them is removed, unless all is `kept` because that is not known. A kept layer that is missing or damaged is told when it is asked for.
   */
  static async open(
    folder: DiskFolder,
    base: LayerBase,
    kept: readonly string[] | 'all',
  ): Promise<LayerFiles> {
    const files = new LayerFiles(folder, base);
    const parents = new Map<string, string | undefined>();
    for (const file of await folder.list()) {
      if (file.endsWith(UNDER_CONSTRUCTION)) await folder.remove(file);
      else if (file.endsWith(SUFFIX)) parents.set(file, await backingOf(folder, file).catch(() => file));
    }
    for (const file of await folder.list()) {
      if (file.endsWith(BLOCKS) && !parents.has(file.slice(0, -BLOCKS.length) + SUFFIX))
        await folder.remove(file);
    }
    const build = (file: string): LayerNode => {
      const known = files.nodes.get(nameOf(file));
      if (known !== undefined) return known;
      const parent = parents.get(file);
      // A layer that cannot be read names itself, and one whose parent is gone names what is not there.
      const isWhole = parent !== file && (parent === undefined || !isLayer(parent) || parents.has(parent));
      const under = isWhole && parent !== undefined && parents.has(parent) ? build(parent) : undefined;
      const node = new LayerNode(nameOf(file), under, (unused) => {
        files.collapse(unused);
      });
      node.isBroken = !isWhole || under?.isBroken === true;
      files.nodes.set(node.name, node);
      return node;
    };
    for (const file of parents.keys()) build(file);
    for (const name of kept === 'all' ? files.names : kept) files.nodes.get(name)?.retain();
    for (const node of [...files.nodes.values()]) if (!node.isUsed) files.collapse(node);
    return files;
  }

  /** The base image that the layers in a folder name; undefined where there is no layer. */
  static async baseOf(folder: DiskFolder): Promise<(Backing & { readonly sizeBytes: number }) | undefined> {
    for (const file of await folder.list()) {
      if (!file.endsWith(SUFFIX)) continue;
      const header = await headerOf(folder, file).catch(() => undefined);
      const { name = '', format } = header?.backing ?? {};
      if (header === undefined || name === '' || isLayer(name)) continue;
      return { name, format: format === 'qcow2' ? 'qcow2' : 'raw', sizeBytes: header.sizeBytes };
    }
    return undefined;
  }

  /** Names of all layers in the folder. */
  get names(): string[] {
    return [...this.nodes.keys()];
  }

  /** Names from this layer down to the base: what a checkpoint with it needs. */
  chainOf(name: string): string[] {
    return this.node(name).chain.map((node) => node.name);
  }

  /** Bytes of a layer's file; 0 when it has not been opened. */
  sizeOf(name: string): number {
    return this.node(name).layer?.fileBytes ?? 0;
  }

  /**
   * Makes the file of a layer to come, over what is underneath `contents` now (S1): the guest runs meanwhile, and its
   * contents can still change. `save` fills it later. It has no effect when it is never used.
   */
  prepare(name: string, sizeBytes: number, above: Home | undefined): Promise<void> {
    return this.queued(async () => {
      await (await this.construct(name, sizeBytes, this.ownNode(above))).close();
    });
  }

  /**
   * Writes frozen contents to a file of this name, and lets them leave memory; the guest goes on meanwhile. Contents
   * that are in a file already get another reference to it: the name is that of the file. When it fails or is
   * cancelled (UserError 'SAVE_CANCELLED'), all is as before.
   */
  save(contents: CowContents, name: string, options: FillOptions = {}): Promise<string> {
    const held = contents.again();
    return this.queued(async () => {
      const home = this.ownNode(held.home);
      if (home !== undefined) {
        home.retain();
        return home.name;
      }
      const under = this.underneath(held);
      const node =
        under !== undefined && held.changes(under).blocks.size === 0
          ? under
          : await this.write(held, name, under, options);
      node.retain();
      held.settle(node);
      return node.name;
    }).finally(() => {
      held.release();
    });
  }

  /** What a CowDisk needs to go on from a layer: `new CowDisk(base.image, { stored })`. */
  load(name: string): Promise<StoredBlocks> {
    return this.queued(async () => {
      const node = this.node(name);
      await this.opened(node);
      const blocks = new Map<number, Block>();
      for (const one of node.chain) {
        for (const [index, hash] of await this.blockList(one)) {
          if (!blocks.has(index)) blocks.set(index, new Block(undefined, node, hash));
        }
      }
      return { home: node, blocks };
    });
  }

  /** A checkpoint does not refer to the layer any more: it is merged into its only child, or deleted. */
  release(name: string): Promise<void> {
    this.node(name).release();
    return this.settled();
  }

  /**
   * Moves what a layer holds into its parent, while guests run on layers above (S16). All that is held of older
   * contents must have this layer underneath: the parent's own contents are gone afterwards. The layer stays, empty,
   * and shows the same. For a layer that stands on the base, `base` says how that is written.
   */
  commit(name: string, base?: CommitTarget): Promise<void> {
    return this.queued(async () => {
      const node = this.node(name);
      const { parent } = node;
      const siblings = parent === undefined ? this.roots() : [...parent.children];
      if (parent?.isUsed === true || siblings.length > 1) {
        throw userError(
          'COMMIT_IN_USE',
          `what is under layer ${name} belongs to other checkpoints too; delete them first, or make a copy`,
        );
      }
      const layer = await this.opened(node);
      const target = parent === undefined ? base : await this.opened(parent);
      invariant(target !== undefined, 'a commit into the base says how the base is written');
      for await (const { offset, length, kind } of layer.held()) {
        if (kind === 'zero') await target.writeZeroes(offset, length);
        else await target.write(offset, await layer.read(offset, length));
      }
      await target.flush();
      // Only now: until here the layer hid whatever was in its parent.
      if (parent !== undefined) await this.addBlocks(parent, await this.blockList(node));
      await layer.empty();
    });
  }

  /** Copies the contents of a layer, or of the base, into a file that stands on nothing (S15). */
  copy(name: string | undefined, into: string): Promise<void> {
    return this.queued(async () => {
      const image = name === undefined ? this.base.image : await this.opened(this.node(name));
      const file = await this.folder.create(into + UNDER_CONSTRUCTION);
      const layer = await Qcow2Layer.create(file, into, { sizeBytes: image.sizeBytes });
      const PIECE = 1 << 20;
      for (let at = 0; at < image.sizeBytes; at += PIECE) {
        const bytes = await image.read(at, Math.min(PIECE, image.sizeBytes - at));
        if (bytes.some((byte) => byte !== 0)) await layer.write(at, bytes);
      }
      await layer.close();
      await this.folder.rename(into + UNDER_CONSTRUCTION, into);
    });
  }

  /** Resolves when all that was asked for is done; rejects when something in the background failed. */
  async settled(): Promise<void> {
    for (let tail; tail !== this.tail;) await (tail = this.tail);
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  async close(): Promise<void> {
    await this.settled();
    for (const { layer } of this.nodes.values()) await layer?.close();
  }

  // --- files

  /** The nearest layer that has contents from which these came to be. */
  private underneath(contents: CowContents): LayerNode | undefined {
    return this.ownNode(contents.homeBelow((home) => this.ownNode(home) !== undefined));
  }

  private async write(
    contents: CowContents,
    name: string,
    parent: LayerNode | undefined,
    options: FillOptions,
  ): Promise<LayerNode> {
    const { blocks, homes } = contents.changes(parent);
    for (const home of homes) home.retain();
    parent?.retain();
    try {
      const cloned = await this.cloneParent(name, parent);
      const layer = cloned ?? (await this.construct(name, this.base.image.sizeBytes, parent));
      try {
        const hashes = await fillLayer(layer, blocks, options);
        if (cloned !== undefined && parent !== undefined) {
          for (const [index, hash] of await this.blockList(parent)) {
            if (!hashes.has(index)) hashes.set(index, hash);
          }
        }
        await writeWhole(this.folder, `${name}${BLOCKS}`, encodeBlockList(hashes));
        await layer.flush();
        await this.folder.rename(name + SUFFIX + UNDER_CONSTRUCTION, name + SUFFIX);
      } catch (error) {
        await layer.close().catch(() => undefined);
        await this.folder.remove(name + SUFFIX + UNDER_CONSTRUCTION).catch(() => undefined);
        throw error;
      }
      const under = cloned === undefined ? parent : parent?.parent;
      const node = new LayerNode(name, under, (unused) => this.collapse(unused));
      node.layer = layer;
      this.nodes.set(name, node);
      return node;
    } finally {
      for (const home of homes) home.release();
      parent?.release();
    }
  }

  /** Where the storage clones files, it does the copy-on-write, and the new layer needs no parent (S19). */
  private async cloneParent(name: string, parent: LayerNode | undefined): Promise<Qcow2Layer | undefined> {
    if (parent === undefined || this.folder.clone === undefined) return undefined;
    await (await this.opened(parent)).flush();
    const file = name + SUFFIX + UNDER_CONSTRUCTION;
    await this.folder.remove(file).catch(() => undefined);
    if (!(await this.folder.clone(parent.fileName, file))) return undefined;
    return Qcow2Layer.open(await this.folder.open(file), name, async () => this.imageUnder(parent));
  }

  private async construct(
    name: string,
    sizeBytes: number,
    parent: LayerNode | undefined,
  ): Promise<Qcow2Layer> {
    invariant(/^[\w-]+$/.test(name) && !this.nodes.has(name), 'a layer has a name of its own');
    const file = name + SUFFIX + UNDER_CONSTRUCTION;
    if (parent !== undefined) await this.opened(parent);
    const backing = this.backingFor(parent);
    // A prepared layer is taken as it is, unless another parent has come between.
    if ((await this.folder.list()).includes(file)) {
      if (backing.name === (await backingOf(this.folder, file))) {
        return Qcow2Layer.open(await this.folder.open(file), name, async () => backing.image);
      }
      await this.folder.remove(file);
    }
    return Qcow2Layer.create(await this.folder.create(file), name, { sizeBytes, backing });
  }

  private backingFor(parent: LayerNode | undefined): Backing & { image: BaseImage } {
    return parent === undefined ? this.base : { name: parent.fileName, format: 'qcow2', image: parent.image };
  }

  private imageUnder(node: LayerNode): BaseImage {
    return node.parent?.image ?? this.base.image;
  }

  private async opened(node: LayerNode): Promise<Qcow2Layer> {
    if (node.isBroken) throw layerDamaged(node.name);
    for (const one of node.chain.reverse()) {
      if (one.layer !== undefined) continue;
      const file = await this.folder.open(one.fileName);
      const layer = await Qcow2Layer.open(file, one.name, async () => this.imageUnder(one));
      // The base may have moved since.
      const isMoved = one.parent === undefined && layer.header.backing?.name !== this.base.name;
      if (isMoved) await layer.rebase(this.base);
      one.layer = layer;
    }
    return node.image;
  }

  private async blockList(node: LayerNode): Promise<Map<number, bigint>> {
    const name = `${node.name}${BLOCKS}`;
    return decodeBlockList(await readWhole(this.folder, name), name);
  }

  /** Blocks that the layer is about to hold, or shows from what is underneath: both are true at any moment. */
  private async addBlocks(node: LayerNode, added: Map<number, bigint>, win = true): Promise<void> {
    const own = await this.blockList(node);
    for (const [index, hash] of added) if (win || !own.has(index)) own.set(index, hash);
    await writeWhole(this.folder, `${node.name}${BLOCKS}`, encodeBlockList(own));
  }

  // --- the tree

  private node(name: string): LayerNode {
    const node = this.nodes.get(name);
    if (node !== undefined) return node;
    throw userError(
      'LAYER_MISSING',
      `the disk layer ${name} is not there; its checkpoint cannot be used any more`,
    );
  }

  private ownNode(home: Home | undefined): LayerNode | undefined {
    return [...this.nodes.values()].find((node) => node === home);
  }

  private roots(): LayerNode[] {
    return [...this.nodes.values()].filter((node) => node.parent === undefined);
  }

  /** Nobody refers to the layer: in the background, it is merged or deleted, if that is still so then. */
  private collapse(node: LayerNode): void {
    this.queued(() => this.collapseNow(node)).catch((error: unknown) => {
      this.failure ??= error instanceof Error ? error : new Error(messageOf(error));
    });
  }

  private async collapseNow(node: LayerNode): Promise<void> {
    if (node.isUsed || node.children.size > 1 || !this.nodes.has(node.name)) return;
    const { parent } = node;
    const [child] = node.children;
    if (child?.isBroken === true) return;
    if (child !== undefined) await this.absorb(node, child);
    node.moveUnder(undefined);
    this.nodes.delete(node.name);
    await node.layer?.settled();
    await node.layer?.close();
    await this.folder.remove(node.fileName);
    // A layer that a crash left half deleted has no list.
    await this.folder.remove(`${node.name}${BLOCKS}`).catch(() => undefined);
    if (parent?.isUsed === false) await this.collapseNow(parent);
  }

  /** What `node` holds and its only child leaves to it goes into the child. */
  private async absorb(node: LayerNode, child: LayerNode): Promise<void> {
    const target = await this.opened(child);
    const layer = await this.opened(node);
    await this.addBlocks(child, await this.blockList(node), false);
    for await (const { offset, length, kind } of layer.held()) {
      if (!(await target.leaves(offset))) continue;
      if (kind === 'zero') await target.writeZeroes(offset, length);
      else await target.write(offset, await layer.read(offset, length));
    }
    await target.rebase(this.backingFor(node.parent));
    child.moveUnder(node.parent);
    // Reads of the child that began before may still look at what was underneath.
    await target.settled();
  }

  private queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    this.tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}

const nameOf = (file: string): string => file.slice(0, -SUFFIX.length);

/** As a backing name: a layer of the same folder, and not the base. */
const isLayer = (name: string): boolean => name.endsWith(SUFFIX) && !/[\\/]/.test(name);

const backingOf = async (folder: DiskFolder, name: string): Promise<string | undefined> =>
  (await headerOf(folder, name)).backing?.name;

async function headerOf(folder: DiskFolder, name: string): Promise<Qcow2Header> {
  const file = await folder.open(name);
  try {
    return parseHeader(await file.read(0, Math.min(HEADER_READ_BYTES, file.sizeBytes)), name);
  } finally {
    await file.close();
  }
}
