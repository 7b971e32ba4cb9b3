/**
 * Linux with an ext4 on a virtio disk that it writes to without end, and its resumption from a saved checkpoint. Each file
 * that it leaves on the disk bears the MD5 of its contents as its name.
 */
import { writeFileSync } from 'node:fs';
import { openGuest, type GuestOptions, type GuestSettings } from '../../src/dap/guest';
import type { DiskArchive } from '../../src/checkpoint/disk-archive';
import type { DiskPort } from '../../src/machine/device';
import { openArchive } from '../../src/host/archive';
import { openDiskArchive } from '../../src/host/disk/disk-archive';
import { guestFiles } from '../../src/host/files';
import { guestPath } from '../support/guests';
import { GuestRun } from './run';

const settings = (base: string): GuestSettings => ({
  program: guestPath('linux-image'),
  initrd: guestPath('linux-initrd-modules'),
  firmware: 'builtin',
  memoryBytes: 192 << 20,
  harts: 1,
  kernelArgs: 'console=ttyS0 rdinit=/init',
  disks: [{ file: base, format: 'raw', readOnly: false }],
  idle: 'skip',
});

export const open = (
  base: string,
  archive: DiskArchive,
  from?: NonNullable<GuestOptions['from']>,
): Promise<GuestRun> =>
  GuestRun.opened(async (options) => {
    const extra = { archive, ...(from === undefined ? {} : { from }) };
    return (await openGuest(settings(base), guestFiles, { ...options, ...extra })).debuggee;
  });

/** A shell script; lines that the console does not wrap. */
const CHURN = [
  'n=0; cd /mnt/d',
  'bad() { echo $n >> /tmp/failed; }',
  'while [ ! -e /tmp/stop ]; do',
  'n=$((n+1)); k=$((n%13+1))',
  'dd if=/dev/urandom of=../new bs=4k count=$k || bad',
  '[ $((n%3)) = 0 ] && sync',
  'm=$(md5sum < ../new); mv ../new ${m%% *} || bad',
  'set -- *',
  'while [ $# -gt 12 ]; do rm $1 || bad; shift; done',
  'sleep 0.05',
  'done 2>/dev/null',
];

/** From the shell's prompt. */
export async function startChurn(guest: GuestRun): Promise<void> {
  await guest.command('dmesg -n 1; load-modules; mount -t ext4 /dev/vda /mnt && mkdir /mnt/d');
  for (const line of CHURN) await guest.command(`echo '${line}' >> /tmp/churn`);
  guest.type('sh /tmp/churn &\n');
  await guest.until('/ # ');
}

async function writeImage(port: DiskPort, path: string): Promise<void> {
  const operation = port.begin({ op: 'read', offset: 0, length: port.sizeBytes });
  await operation.whenReady();
  const result = operation.complete();
  if (!result.ok || result.data === undefined) throw new Error('the disk cannot be read');
  writeFileSync(path, result.data);
}

/** Lets the guest of a saved checkpoint end its work, and writes what is then on its disk into a file. */
async function recover(store: string, id: string, base: string, image: string): Promise<string> {
  const archive = await openDiskArchive(await openArchive(store));
  const guest = await open(base, archive, { loaded: await archive.load(id), archivePath: archive.path });
  const [disk] = guest.time.config.disks ?? [];
  if (disk === undefined) throw new Error('the guest has a disk');
  await writeImage(disk.port, `${image}.then`);
  const failed = "[ -e /tmp/failed ] && echo FAI''LED";
  guest.type(`touch /tmp/stop; wait; ${failed}; umount /mnt && echo GO''NE; dmesg; echo DO''NE\n`);
  const shown = await guest.until('DONE\r\n');
  await writeImage(disk.port, image);
  guest.time.dispose();
  await archive.close();
  return shown;
}

if (require.main === module) {
  const [store = '', id = '', base = '', image = ''] = process.argv.slice(2);
  recover(store, id, base, image).then(
    (shown) => process.stdout.write(shown),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
