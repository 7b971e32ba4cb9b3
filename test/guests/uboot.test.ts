/** U-Boot, built for S-mode, reaches its prompt and takes commands, below both kinds of firmware. */
import assert from 'node:assert/strict';
import { requireGuest } from '../support/guests';
import { guestConfig, GuestRun } from './run';

for (const firmware of ['builtin', 'opensbi'] as const) {
  describe(`U-Boot, ${firmware} firmware`, function () {
    this.timeout(600_000);

    it('reaches its prompt and takes commands', async function () {
      requireGuest(this, 'uboot-smode', 'opensbi-dynamic');
      const guest = new GuestRun(guestConfig({ firmware, kernel: 'uboot-smode' }), false);
      const banner = await guest.until('stop autoboot');
      assert.match(banner, /U-Boot \d{4}\.\d\d/);
      assert.match(banner, /DRAM: +256 MiB/);
      guest.type(' ');
      await guest.until('=> ');
      guest.type('sbi\n');
      assert.match(await guest.until('=> '), firmware === 'builtin' ? /SBI 2\.0/ : /OpenSBI/);
    });
  });
}
