/** Debian's Linux boots to a shell in which commands work, below both kinds of firmware, on one hart and on four. */
import assert from 'node:assert/strict';
import { requireGuest } from '../support/guests';
import { initBanner, shellPrompt } from '../support/initrd';
import { bootedLinux, guestConfig, GuestRun } from './run';

for (const firmware of ['builtin', 'opensbi'] as const) {
  for (const harts of [1, 4]) {
    describe(`Linux, ${firmware} firmware, harts: ${harts}`, function () {
      this.timeout(600_000);
      let guest: GuestRun;

      it('boots to the shell', async function () {
        requireGuest(this, 'linux-image', 'linux-initrd', 'opensbi-dynamic');
        let shown: string;
        if (firmware === 'builtin') ({ guest, shown } = await bootedLinux(harts));
        else {
          guest = new GuestRun(guestConfig({ firmware, harts }), false);
          shown = await guest.until(shellPrompt);
        }
        const sbi = firmware === 'builtin' ? /SBI specification v2\.0/ : /OpenSBI v\d/;
        assert.match(shown, sbi);
        assert.match(shown, new RegExp(`smp: Brought up 1 node, ${harts} CPU`));
        assert.match(shown, new RegExp(initBanner));
      });

      it('runs what is typed', async () => {
        assert.equal(await guest.command('echo $((6 * 7))'), '42');
        assert.equal(await guest.command('nproc'), String(harts));
        assert.match(await guest.command('uname -srm'), /^Linux 6\.12\.\S+ riscv64$/);
        assert.match(await guest.command('cat /proc/cpuinfo'), /mmu\s*: sv57/);
      });

      it('powers off', async () => {
        guest.type('poweroff -f\n');
        assert.deepEqual(await guest.run('\0'), { kind: 'exited', reason: 'poweroff', exitCode: 0 });
      });

      after(async () => {
        if (firmware === 'builtin') await guest.restore((await bootedLinux(harts)).prompt);
      });
    });
  }
}
