/** Programs one after the other, from consecutive seeds, against QEMU's GDB stub. */
import { generate } from './generator';
import { PLACE } from './layout';
import { lockstep } from './lockstep';
import { QemuStub } from './qemu-stub';

/** Instructions of one program: long enough to make up for QEMU's start, short enough to see many page tables. */
const PROGRAM_STEPS = 5000;

export interface Summary {
  /** Instructions compared. */
  steps: number;
  programs: number;
  readonly accepted: Map<string, number>;
  failure?: string;
}

/** One program; adds to the summary, which gets a text if there is a difference. */
export async function runProgram(seed: number, summary: Summary): Promise<void> {
  const program = generate(seed, PROGRAM_STEPS);
  const qemu = await QemuStub.start(program.image);
  try {
    await qemu.runTo(PLACE.code);
    const result = await lockstep(program.image, qemu, program.steps);
    summary.steps += result.steps;
    summary.programs++;
    for (const [name, count] of result.accepted)
      summary.accepted.set(name, (summary.accepted.get(name) ?? 0) + count);
    if (result.failure !== undefined) summary.failure = `LOCKSTEP_SEED=${seed}: ${result.failure}`;
  } finally {
    qemu.close();
  }
}

/** Until `steps` instructions have been compared or something differs; two QEMUs at a time. */
export async function runPrograms(firstSeed: number, steps: number): Promise<Summary> {
  const summary: Summary = { steps: 0, programs: 0, accepted: new Map() };
  let seed = firstSeed;
  const worker = async (): Promise<void> => {
    while (summary.steps < steps && summary.failure === undefined) await runProgram(seed++, summary);
  };
  await Promise.all([worker(), worker()]);
  return summary;
}
