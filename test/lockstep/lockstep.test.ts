/**
 * The outside judge of the machine: random programs over the instruction table, step by step against QEMU. Environment:
 * LOCKSTEP_SEED the seed of the first program (a failure names its own), LOCKSTEP_STEPS how many instructions.
 */
import assert from 'node:assert/strict';
import { inCi, requireTool } from '../support/tools';
import { ACCEPTED, MASKED } from './accepted';
import { runPrograms } from './run';

/** In CI the full amount and always the same programs; without, what takes half a minute, and other ones each time. */
const steps = Number(process.env['LOCKSTEP_STEPS'] ?? (inCi() ? 200_000 : 20_000));
const seed = Number(process.env['LOCKSTEP_SEED'] ?? (inCi() ? 807_914 : Date.now() % 1_000_000));

describe('lockstep with QEMU', () => {
  it('has the same registers after every instruction of random programs', async function () {
    this.timeout(12 * 60_000);
    requireTool(this, 'qemu-system-riscv64');
    console.log(`      LOCKSTEP_SEED=${seed} LOCKSTEP_STEPS=${steps}`);
    const start = performance.now();
    const summary = await runPrograms(seed, steps);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `      ${summary.steps} instructions of ${summary.programs} programs in ${seconds.toFixed(0)} s`,
    );
    for (const [name, count] of summary.accepted) console.log(`      accepted ${count} times: ${name}`);
    assert.equal(summary.failure, undefined, summary.failure);
  });

  it('gives a reason for every difference that is accepted', () => {
    for (const { reason } of [...ACCEPTED, ...MASKED]) assert.match(reason, /spec|QEMU/);
  });
});
