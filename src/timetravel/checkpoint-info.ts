/** Checkpoints as the tree view shows them. */
import type { Checkpoint } from '../checkpoint/tree';
import type { CheckpointInfo } from './api';
import type { Branch } from './log';

/** `branch` is the checkpoint's own; `all` are the checkpoints there are. */
export function describeCheckpoint(
  checkpoint: Checkpoint,
  branch: Branch,
  all: readonly Checkpoint[],
): CheckpointInfo {
  const { state, consoleLength } = checkpoint;
  return {
    id: checkpoint.id,
    parent: parentOf(checkpoint, branch, all)?.id,
    name: checkpoint.name,
    instret: state.instret,
    branch: checkpoint.branch,
    automatic: checkpoint.automatic,
    hart: checkpoint.hart,
    pc: checkpoint.pc,
    consoleTail: lastLine(branch.console.slice(Math.max(0, consoleLength - 200), consoleLength)),
    sizeBytes: state.pages.freshFrames * 4096,
    stopMicroseconds: checkpoint.stopMicroseconds,
    ...(checkpoint.saved === undefined ? {} : { saved: checkpoint.saved }),
  };
}

/** The checkpoint before it on its branch's history; automatic ones are passed over for those taken by hand. */
export function parentOf(
  checkpoint: Checkpoint,
  branch: Branch,
  all: readonly Checkpoint[],
): Checkpoint | undefined {
  let best: Checkpoint | undefined;
  for (const other of all) {
    if (other === checkpoint || (other.automatic && !checkpoint.automatic)) continue;
    const { instret } = other.state;
    if (instret > checkpoint.state.instret || other.logIndex > checkpoint.logIndex) continue;
    if (instret === checkpoint.state.instret && Number(other.id) > Number(checkpoint.id)) continue;
    if (!branch.passes(other.branch, instret, other.logIndex)) continue;
    if (!best || instret >= best.state.instret) best = other;
  }
  return best;
}

/** The last line with something on it, as text; control characters are dropped. */
export function lastLine(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes).replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? '').replace(/\p{Cc}/gu, '');
}
