/**
 * Where the real guests of the tests are: Debian's packages opensbi and u-boot-qemu as installed on this machine, and
 * what `npm run guests` puts into .cache/guests. Nothing is fetched here.
 */
import type { Context } from 'mocha';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { skipBecause } from './tools';

export const guestFolder = join(__dirname, '../../.cache/guests');

const opensbi = '/usr/lib/riscv64-linux-gnu/opensbi/generic';
const uboot = '/usr/lib/u-boot';

const paths = {
  /** The raw kernel Image ("RISCV" at offset 0x30) of Debian's linux-image-*-riscv64, version 6.12. */
  'linux-image': join(guestFolder, 'linux/Image'),
  /** Symbols of that kernel (`address type name` lines), from its own kallsyms; it always runs at its link addresses. */
  'system-map': join(guestFolder, 'linux/System.map'),
  /** The same kernel with debug information, and its modules beside it: only after `npm run guests -- --debug`. */
  'linux-debug': join(guestFolder, 'linux/debug/vmlinux'),
  /** Busybox with a shell on the console: see test/support/initrd.ts. */
  'linux-initrd': join(guestFolder, 'initrd.cpio'),
  /** The same with the modules virtio_mmio, virtio_blk, virtio-rng and ext4, loaded by the command `load-modules`. */
  'linux-initrd-modules': join(guestFolder, 'initrd-modules.cpio'),
  /** Debian's busybox-static for riscv64. */
  busybox: join(guestFolder, 'busybox'),
  'opensbi-dynamic': join(opensbi, 'fw_dynamic.bin'),
  'opensbi-dynamic-elf': join(opensbi, 'fw_dynamic.elf'),
  'opensbi-jump': join(opensbi, 'fw_jump.bin'),
  'opensbi-jump-elf': join(opensbi, 'fw_jump.elf'),
  /** U-Boot for S-mode below an SBI; a flat binary, linked to run at 0x80200000. */
  'uboot-smode': join(uboot, 'qemu-riscv64_smode/u-boot.bin'),
  'uboot-smode-elf': join(uboot, 'qemu-riscv64_smode/uboot.elf'),
} as const;

export type GuestName = keyof typeof paths;

/** Where the file should be, whether it is there or not. */
export const guestPath = (name: GuestName): string => paths[name];

/** The file's path, or undefined if it is not on this machine. */
export const guest = (name: GuestName): string | undefined =>
  existsSync(paths[name]) ? paths[name] : undefined;

const remedy = (name: GuestName): string =>
  paths[name].startsWith(guestFolder) ? 'npm run guests' : 'install opensbi and u-boot-qemu';

/** Skips the test with a printed reason unless all these guests are there; fails under CI=true. Returns their paths. */
export function requireGuest<const N extends readonly GuestName[]>(
  context: Context,
  ...names: N
): { -readonly [K in keyof N]: string } {
  const missing = names.filter((name) => guest(name) === undefined);
  const [first] = missing;
  if (first !== undefined) skipBecause(context, `guest ${missing.join(', ')} not there (${remedy(first)})`);
  return names.map((name) => paths[name]) as { -readonly [K in keyof N]: string };
}
