/** A folder of files that layers are kept in; the host implements it. */
import { defined, userError } from '../base/errors';
import { MemoryFile } from './memory-file';
import type { WritableFile } from './types';

export interface DiskFolder {
  list(): Promise<string[]>;
  /** There must be no file of this name. */
  create(name: string): Promise<WritableFile>;
  /** For reading and writing. */
  open(name: string): Promise<WritableFile>;
  /** Replaces a file of the new name; durable afterwards. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes a file that shares its storage with another until one of them is written; false where that cannot be. */
  clone?(from: string, to: string): Promise<boolean>;
}

/** Puts a small file in place as a whole. */
export async function writeWhole(folder: DiskFolder, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${name}.new`;
  await folder.remove(temporary).catch(() => undefined);
  const file = await folder.create(temporary);
  try {
    await file.write(0, bytes);
    await file.flush();
  } finally {
    await file.close();
  }
  await folder.rename(temporary, name);
}

export async function readWhole(folder: DiskFolder, name: string): Promise<Uint8Array> {
  const file = await folder.open(name);
  try {
    return await file.read(0, file.sizeBytes);
  } finally {
    await file.close();
  }
}

/** A folder in memory. */
export class MemoryFolder implements DiskFolder {
  readonly files = new Map<string, MemoryFile>();

  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }

  async create(name: string): Promise<WritableFile> {
    if (this.files.has(name)) throw userError('FILE_EXISTS', `${name} is there already`);
    const file = new MemoryFile();
    this.files.set(name, file);
    return file;
  }

  async open(name: string): Promise<WritableFile> {
    const file = this.files.get(name);
    if (file === undefined) throw userError('FILE_MISSING', `there is no file ${name}`);
    return file;
  }

  async rename(from: string, to: string): Promise<void> {
    const file = defined(this.files.get(from));
    this.files.delete(from);
    this.files.set(to, file);
  }

  async remove(name: string): Promise<void> {
    if (!this.files.delete(name)) throw userError('FILE_MISSING', `there is no file ${name}`);
  }
}
