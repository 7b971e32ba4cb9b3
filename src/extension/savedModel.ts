/**
 * Saved checkpoints as rows of the Checkpoints view: in a session those of its guest that are not in its tree already;
 * without one all of the workspace, under the names of their programs. Plain data; the looks are in checkpointView.ts.
 */
import { plainLines } from '../base/text';
import type { CheckpointTree, SavedCheckpoint } from '../protocol';

export interface SavedRow {
  readonly kind: 'saved';
  readonly saved: SavedCheckpoint;
  /** A session can go there; otherwise a session can begin there. */
  readonly isInSession: boolean;
}

export interface SavedGroupRow {
  readonly kind: 'savedGroup';
  readonly label: string;
  /** What tells it from groups of the same label. */
  readonly program: string;
  readonly rows: readonly SavedRow[];
}

/** For the session: undefined when there is nothing to show. */
export function savedInSession(
  saved: readonly SavedCheckpoint[],
  tree: CheckpointTree | undefined,
): SavedGroupRow | undefined {
  const shown = new Set(tree?.nodes.map((node) => node.saved));
  const others = saved.filter(({ id, isSameGuest }) => isSameGuest && !shown.has(id));
  if (others.length === 0) return undefined;
  const rows = others.map((one): SavedRow => ({ kind: 'saved', saved: one, isInSession: true }));
  return { kind: 'savedGroup', label: 'Saved earlier', program: '', rows };
}

/** Newest first, by program in the order of their names. */
export function savedByProgram(saved: readonly SavedCheckpoint[]): SavedGroupRow[] {
  const programs = [...new Set(saved.map(({ program }) => program))];
  return programs
    .map((program): SavedGroupRow => {
      const rows = saved
        .filter((one) => one.program === program)
        .map((one): SavedRow => ({ kind: 'saved', saved: one, isInSession: false }))
        .reverse();
      return { kind: 'savedGroup', label: baseName(program), program, rows };
    })
    .sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
}

const baseName = (path: string): string =>
  plainLines(path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)).join(' ') ||
  'Unknown program';

export function savedLabel({ id, name, damaged }: SavedCheckpoint): string {
  if (damaged) return `Checkpoint ${id} (damaged)`;
  return plainLines(name).join(' ') || `Checkpoint ${id}`;
}

/** Attributes of a launch that say how a guest is looked at, not what it is. */
const KEPT = ['console', 'cwd', 'idle', 'sourceMap'] as const;

/**
 * The launch that begins at a saved checkpoint. What the guest is follows the checkpoint; how it is looked at follows the
 * launch of the same program in launch.json, if there is one. `programOf` gives a configuration's program as a path.
 */
export function launchFrom(
  saved: SavedCheckpoint,
  store: string,
  configurations: readonly Readonly<Record<string, unknown>>[],
  programOf: (configuration: Readonly<Record<string, unknown>>) => string | undefined,
): { readonly name: string } & Record<string, unknown> {
  const known = configurations.find((one) => programOf(one) === saved.program) ?? {};
  const kept = KEPT.filter((key) => known[key] !== undefined).map((key) => [key, known[key]] as const);
  return {
    ...Object.fromEntries(kept),
    name: `${baseName(saved.program)} from ${savedLabel(saved)}`,
    store,
    checkpoint: saved.id,
    stopOnEntry: true,
  };
}
