/**
 * The root file systems that the Linux guests of the tests start from: busybox, an /init and nothing else. /init prints
 * `initBanner` once the usual file systems are mounted, and then is an interactive shell on the console (prompt `/ # `).
 */
import { cpio, type CpioEntry } from './cpio';

/** Printed by /init as a line of its own before the shell starts. */
export const initBanner = 'CHRONOVISOR-INIT-OK';
/** What the shell prints when it waits for a command. */
export const shellPrompt = '/ # ';

/** Applets with a link in /bin; the others are there as `busybox NAME`. */
const applets = (
  '[ ash awk basename cat chmod chown cmp cp cut date dd df diff dirname dmesg du echo env expr false find free grep ' +
  'gunzip gzip head hexdump hostname id insmod kill killall less ln ls lsmod md5sum mkdir mkfifo mknod mktemp ' +
  'modprobe more mount mv nproc od ps pwd readlink realpath reboot reset rm rmdir rmmod sed seq setsid sh sha256sum ' +
  'sleep sort stat stty sync tail tar tee test time top touch tr true tty umount uname uniq uptime vi wc which xargs yes ' +
  'poweroff halt cttyhack'
).split(' ');

// A shell as process 1 has no controlling terminal, hence no Ctrl-C: cttyhack opens the console as one.
const init = `#!/bin/sh
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo ${initBanner}
cd /
exec setsid cttyhack sh
`;

/** Loads every module of the archive, dependencies first. */
const loadModules = `#!/bin/sh
while read -r name; do insmod "/lib/modules/$name.ko" || exit 1; done < /lib/modules/order
`;

const directory = (path: string): CpioEntry => ({ kind: 'directory', path });

/** The initrd as an uncompressed cpio. `busybox` is a static riscv64 busybox; an applet that it lacks gets no link. */
export function linuxInitrd(busybox: Uint8Array): Uint8Array {
  const text = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength).toString('latin1');
  const links = applets.filter((name) => text.includes(`\0${name}\0`));
  return cpio([
    ...['bin', 'dev', 'proc', 'sys', 'tmp', 'mnt', 'etc', 'root'].map(directory),
    { kind: 'character', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'character', path: 'dev/null', major: 1, minor: 3, mode: 0o666 },
    { kind: 'file', path: 'init', data: init, mode: 0o755 },
    { kind: 'file', path: 'bin/busybox', data: busybox, mode: 0o755 },
    ...links.map((name): CpioEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' })),
  ]);
}

export interface KernelModule {
  readonly name: string;
  readonly data: Uint8Array;
}

/** A second archive with kernel modules, to be put behind linuxInitrd(); the command `load-modules` loads them in order. */
export function moduleInitrd(modules: readonly KernelModule[]): Uint8Array {
  return cpio([
    ...['bin', 'lib', 'lib/modules'].map(directory),
    { kind: 'file', path: 'bin/load-modules', data: loadModules, mode: 0o755 },
    { kind: 'file', path: 'lib/modules/order', data: modules.map(({ name }) => `${name}\n`).join('') },
    ...modules.map(({ name, data }): CpioEntry => ({ kind: 'file', path: `lib/modules/${name}.ko`, data })),
  ]);
}
