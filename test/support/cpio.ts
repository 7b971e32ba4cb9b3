/**
 * Writes cpio archives in the "newc" format that Linux unpacks as its initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). No root is needed for device nodes, and the same entries
 * give the same bytes: owner, group and time are 0, inodes count up. It does not read archives and knows no hard links.
 */
import { Buffer } from 'node:buffer';

export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode?: number }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly data: Uint8Array | string;
      readonly mode?: number;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'character';
      readonly path: string;
      readonly major: number;
      readonly minor: number;
      readonly mode?: number;
    };

const fileType = { directory: 0o040000, file: 0o100000, link: 0o120000, character: 0o020000 } as const;

interface Fields {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly major: number;
  readonly minor: number;
}

/** Zeros up to a multiple of `unit` bytes. */
const padding = (size: number, unit: number): Buffer => Buffer.alloc((unit - (size % unit)) % unit);

function record(path: string, data: Buffer, fields: Fields): Buffer {
  const name = Buffer.from(`${path}\0`);
  const { inode, mode, links, major, minor } = fields;
  // inode, mode, uid, gid, links, mtime, size, device major and minor, rdev major and minor, name size, checksum
  const numbers = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${numbers.map((value) => value.toString(16).padStart(8, '0')).join('')}`);
  const head = Buffer.concat([header, name]);
  return Buffer.concat([head, padding(head.length, 4), data, padding(data.length, 4)]);
}

function contents(entry: CpioEntry): Buffer {
  if (entry.kind === 'file') return Buffer.from(entry.data);
  return entry.kind === 'link' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

function permissions(entry: CpioEntry): number {
  if (entry.kind === 'link') return 0o777;
  if (entry.mode !== undefined) return entry.mode;
  return { directory: 0o755, file: 0o644, character: 0o600 }[entry.kind];
}

/**
 * The archive, padded to 512 bytes, so that archives may be put one behind the other. Paths are relative ("bin/sh"); a
 * directory must come before what is in it.
 */
export function cpio(entries: readonly CpioEntry[]): Uint8Array {
  const records = entries.map((entry, index) =>
    record(entry.path, contents(entry), {
      inode: index + 1,
      mode: fileType[entry.kind] | permissions(entry),
      links: entry.kind === 'directory' ? 2 : 1,
      major: entry.kind === 'character' ? entry.major : 0,
      minor: entry.kind === 'character' ? entry.minor : 0,
    }),
  );
  const trailer = record('TRAILER!!!', Buffer.alloc(0), { inode: 0, mode: 0, links: 1, major: 0, minor: 0 });
  const all = Buffer.concat([...records, trailer]);
  return Buffer.concat([all, padding(all.length, 512)]);
}
