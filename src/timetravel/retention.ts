/** Which automatic checkpoints to keep: dense near the present, thinner with age, fewer under memory pressure. */
import type { Checkpoint } from '../checkpoint/tree';

/**
 * Instructions between automatic checkpoints while running. The first step back after a live run replays half of it on
 * average, 40 ms at 200 MIPS; those that follow are within STEP_BACK_REACH. Recording costs a busy Linux 1 to 2 % at this
 * (each first write to a page copies it anew). See bench/seek and bench/checkpoint.
 */
export const AUTOMATIC_INTERVAL = 16_000_000;

/**
 * Instructions before the goal of a seek at which a checkpoint is left: who went there may well step back next, and
 * that then replays in less than 1 ms. See bench/seek.
 */
export const STEP_BACK_REACH = 50_000;

/** Checkpoints of this age (in instructions) are all kept; beyond, spacing grows with age. */
const DENSE_AGE = 32 * AUTOMATIC_INTERVAL;
/** Under memory pressure, times the scale: short recordings keep some too. */
const LEAST_SPACING = 2_000_000;
/** At age A the spacing is A / 16: the cost of a step back grows with distance, their number with its logarithm. */
const SPACING_DIVISOR = 16;

/**
 * Ids of automatic checkpoints that are no longer needed. `path` are the checkpoints of one branch, by instant; `scale`
 * multiplies the spacing (2 and more under memory pressure).
 */
export function superfluous(path: readonly Checkpoint[], now: number, scale = 1): string[] {
  const drop: string[] = [];
  let previous = path[0];
  for (let index = 1; index < path.length - 1; index++) {
    const checkpoint = path[index];
    const next = path[index + 1];
    if (!checkpoint || !next || !previous) break;
    const age = now - checkpoint.state.instret;
    const spacing =
      age <= DENSE_AGE && scale === 1 ? 0 : scale * Math.max(LEAST_SPACING, age / SPACING_DIVISOR);
    if (checkpoint.automatic && next.state.instret - previous.state.instret <= spacing)
      drop.push(checkpoint.id);
    else previous = checkpoint;
  }
  return drop;
}
