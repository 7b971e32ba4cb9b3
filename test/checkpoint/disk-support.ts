/** Disks without a machine that are saved into archives and resumed from them, in a folder of their own for each test. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import type { SaveJob } from '../../src/checkpoint/archive';
import type { DiskArchive } from '../../src/checkpoint/disk-archive';
import { CowDisk } from '../../src/disk/cow-disk';
import { openImage, type OpenedImage } from '../../src/disk/open-image';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive, type DiskArchiveOptions } from '../../src/host/disk/disk-archive';
import { guestFiles } from '../../src/host/files';

export const SIZE = (2 << 20) + 1536;
export const BLOCK = 4096;
export const original = (): Uint8Array =>
  Uint8Array.from({ length: SIZE }, (_, at) => (at * 3 + (at >> 9)) & 0xff);

interface Guest {
  readonly opened: OpenedImage;
  readonly disk: CowDisk;
}

export async function complete(disk: CowDisk, request: Parameters<CowDisk['begin']>[0]): Promise<Uint8Array> {
  const operation = disk.begin(request);
  await operation.whenReady();
  const result = operation.complete();
  assert.ok(result.ok);
  return result.data ?? new Uint8Array(0);
}

export const write = (disk: CowDisk, block: number, value: number, blocks = 1) =>
  complete(disk, { op: 'write', offset: block * BLOCK, data: new Uint8Array(blocks * BLOCK).fill(value) });
export const shown = async (disk: CowDisk): Promise<Buffer> =>
  Buffer.from(await complete(disk, { op: 'read', offset: 0, length: SIZE }));

const here = { folder: '', base: '' };
const archives = new Set<DiskArchive>();
const images: OpenedImage[] = [];

async function opened(path: string, open: typeof guestFiles.openDisk): Promise<OpenedImage> {
  const image = await openImage(path, undefined, open);
  images.push(image);
  return image;
}

/** For beforeEach: an empty folder with a base image. */
export function beginDisks(): { readonly folder: string; readonly base: string } {
  here.folder = mkdtempSync(join(tmpdir(), 'chronovisor-disks-'));
  here.base = join(here.folder, 'base.raw');
  writeFileSync(here.base, original());
  return here;
}

/** For afterEach. */
export async function endDisks(): Promise<void> {
  for (const archive of archives) await archive.close();
  archives.clear();
  for (const image of images.splice(0)) await image.close();
  rmSync(here.folder, { recursive: true });
}

export async function open(
  name: string,
  options: DiskArchiveOptions = {},
  memory = false,
): Promise<DiskArchive> {
  const archive = await openDiskArchive(
    await openArchive(join(here.folder, name), memory ? { memory } : {}),
    options,
  );
  archives.add(archive);
  return archive;
}
export async function close(archive: DiskArchive): Promise<void> {
  archives.delete(archive);
  await archive.close();
}

export async function fresh(archive: DiskArchive, path = here.base): Promise<Guest> {
  const base = await opened(path, guestFiles.openDisk);
  const disk = new CowDisk(base.image);
  archive.attach(disk, base);
  return { opened: base, disk };
}

export async function resumed(archive: DiskArchive, id: string, path = here.base): Promise<Guest> {
  const base = await opened(path, (name, from) => archive.openFile(name, from));
  const loaded = await archive.load(id);
  const [saved] = loaded.disks;
  assert.ok(saved);
  const { stored, chain } = await archive.resume(saved, base);
  loaded.close();
  const disk = new CowDisk(base.image, { stored });
  archive.attach(disk, base, chain);
  return { opened: base, disk };
}

export function beginSave(archive: DiskArchive, disk: CowDisk, name = ''): SaveJob {
  const contents = disk.freeze();
  const info = {
    ...{ name, notes: '', automatic: false, savedAt: 0, instret: 7, stopMicroseconds: 1 },
    ...{ consoleTail: '', guest: null },
  };
  const job = archive.saveDisks([contents], info);
  contents.release();
  return job;
}
export const save = async (archive: DiskArchive, disk: CowDisk, name = ''): Promise<string> =>
  (await beginSave(archive, disk, name).done).id;

/** Folders of layers in a folder store, and the files in each. */
export const layersOf = (store: string): string[] =>
  readdirSync(join(here.folder, store))
    .filter((name) => name.startsWith('disk-'))
    .flatMap((name) =>
      readdirSync(join(here.folder, store, name)).map((file) => join(here.folder, store, name, file)),
    )
    .filter((path) => path.endsWith('.qcow2'))
    .sort();
export const qemuImg = (...args: string[]): string =>
  execFileSync('qemu-img', args, { encoding: 'utf8', stdio: 'pipe' });

/** QEMU finds the layer clean, and reads these contents from it. */
export function judge(layer: string, expected: Uint8Array): void {
  qemuImg('check', '-f', 'qcow2', layer);
  const raw = join(here.folder, 'judge.raw');
  qemuImg('convert', '-f', 'qcow2', '-O', 'raw', layer, raw);
  // The image ends where its last sector does.
  assert.ok(readFileSync(raw).subarray(0, SIZE).equals(expected));
}

export const rejects = (promise: Promise<unknown>, code: string): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.code, code);
    return true;
  });
