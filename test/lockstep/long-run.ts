/**
 * Millions of instructions in lockstep, through QEMU's trace: `npx tsx test/lockstep/long-run.ts [STEPS [SEED]]`. Prints
 * what differed and goes on with the next program; the last line has the sums.
 */
import { generate } from './generator';
import { lockstep } from './lockstep';
import { PLACE } from './layout';
import { QemuStub } from './qemu-stub';
import { QemuTrace } from './trace';

/** Instructions of one program: its code is complete long before, and then meets other states. */
const PROGRAM_STEPS = 20_000;

async function judgeByStub(image: Uint8Array, steps: number): Promise<string | undefined> {
  const qemu = await QemuStub.start(image);
  try {
    await qemu.runTo(PLACE.code);
    return (await lockstep(image, qemu, steps)).failure;
  } finally {
    qemu.close();
  }
}

async function main(steps: number, firstSeed: number): Promise<void> {
  const accepted = new Map<string, number>();
  const ends = new Map<string, number>();
  let [compared, programs, failures] = [0, 0, 0];
  for (let seed = firstSeed; compared < steps; seed++) {
    const program = generate(seed, PROGRAM_STEPS, false);
    const trace = await QemuTrace.start(program.image);
    try {
      await trace.skipPrologue();
      const result = await lockstep(program.image, trace, program.steps);
      compared += result.steps;
      programs++;
      for (const [name, count] of result.accepted) accepted.set(name, (accepted.get(name) ?? 0) + count);
      if (result.ended !== undefined) ends.set(result.ended, (ends.get(result.ended) ?? 0) + 1);
      if (result.failure !== undefined) {
        // The trace leaves steps out (interrupts, failing fetches), and what it leaves out is guessed: the stub decides.
        const exact = await judgeByStub(program.image, result.steps + 100);
        if (exact !== undefined) failures++;
        console.log(`seed ${seed}: ${exact ?? `only in the trace: ${result.failure}`}`);
      }
    } finally {
      trace.close();
    }
    if (programs % 50 === 0) {
      console.log(`${compared} compared, ${programs} programs, ${failures} failures`);
      for (const [name, count] of ends) console.log(`  ${count} ended: ${name}`);
    }
  }
  for (const [name, count] of accepted) console.log(`accepted ${count} times: ${name}`);
  console.log(
    `${compared} instructions of ${programs} programs compared from seed ${firstSeed}, ${failures} failures`,
  );
  process.exitCode = failures > 0 ? 1 : 0;
}

void main(Number(process.argv[2] ?? 10_000_000), Number(process.argv[3] ?? 1));
