/**
 * The custom DAP requests and events about checkpoints. A checkpoint is a node of a tree: its parent is the checkpoint
 * from which the guest ran on to it. A branch arises where the past is changed (I7); branch 0 is the first recording.
 *
 * Every `instret` counts retired instructions since the guest's start (I1), over all harts.
 */
import { Message, present } from './message';

/** Where the session is: the branch, and the instant in it. */
export interface Position {
  readonly branch: number;
  readonly instret: number;
}

export interface CheckpointNode {
  /** Stable for the session, never empty. */
  readonly id: string;
  /** Absent for a root of the tree. */
  readonly parent?: string;
  /** Absent while the user has not named it. */
  readonly name?: string;
  readonly instret: number;
  readonly branch: number;
  /** Taken by the product itself (it may thin these out), not by the user. */
  readonly automatic: boolean;
  /** Program counter of the hart that ran last: `0x` and hexadecimal digits, lower case. */
  readonly pc: string;
  /** Function and line, as in `fill (demo.c:31)`. */
  readonly where?: string;
  /** The last line or so that the console showed at that instant. */
  readonly consoleTail: string;
  /** The session is at or behind this checkpoint, and at no nearer one. At most one node says so. */
  readonly isCurrent: boolean;
  /** What this checkpoint alone keeps in memory: bytes that would be free without it. */
  readonly sizeBytes: number;
  /** For how long the guest stood still for it. */
  readonly stopMicroseconds?: number;
  /** Id of the saved checkpoint that it is kept as. */
  readonly saved?: string;
  /** It is being saved: percent done. */
  readonly saving?: number;
}

/** Answer to `chronovisor/checkpoints`, and body of the event `chronovisor/checkpointsChanged`. */
export interface CheckpointTree {
  readonly nodes: readonly CheckpointNode[];
  readonly current: Position;
}

/** `chronovisor/takeCheckpoint`: at the present instant, while the guest runs or stands. Answer: CheckpointAnswer. */
export interface TakeCheckpointArguments {
  readonly name?: string;
}

/** `chronovisor/restoreCheckpoint` and `chronovisor/deleteCheckpoint`. Both answer without a body. */
export interface CheckpointArguments {
  readonly id: string;
}

/** `chronovisor/renameCheckpoint`; an empty name takes the name away. Answers without a body. */
export interface RenameCheckpointArguments {
  readonly id: string;
  readonly name: string;
}

export interface CheckpointAnswer {
  readonly id: string;
}

export function parsePosition(value: unknown): Position {
  const message = new Message('position', value);
  return { branch: message.count('branch'), instret: message.count('instret') };
}

export function parseCheckpointNode(value: unknown): CheckpointNode {
  const message = new Message('checkpoint', value);
  const id = message.text('id');
  if (id === '') throw message.wrong('id', 'a text that is not empty', id);
  const pc = message.text('pc');
  if (!/^0x[0-9a-f]{1,16}$/u.test(pc)) throw message.wrong('pc', 'a hexadecimal address', pc);
  return {
    id,
    instret: message.count('instret'),
    branch: message.count('branch'),
    automatic: message.flag('automatic'),
    pc,
    consoleTail: message.text('consoleTail'),
    isCurrent: message.flag('isCurrent'),
    sizeBytes: message.count('sizeBytes'),
    ...present({
      parent: message.optionalText('parent'),
      name: message.optionalText('name'),
      where: message.optionalText('where'),
      stopMicroseconds: message.optionalCount('stopMicroseconds'),
      saved: message.optionalText('saved'),
      saving: message.optionalCount('saving'),
    }),
  };
}

export function parseCheckpointTree(value: unknown): CheckpointTree {
  const message = new Message('checkpoint tree', value);
  return {
    nodes: message.list('nodes', parseCheckpointNode),
    current: message.part('current', parsePosition),
  };
}

export function parseTakeCheckpoint(value: unknown): TakeCheckpointArguments {
  return present({ name: new Message('takeCheckpoint', value).optionalText('name') });
}

export function parseCheckpointArguments(value: unknown): CheckpointArguments {
  return { id: new Message('checkpoint', value).text('id') };
}

export function parseRenameCheckpoint(value: unknown): RenameCheckpointArguments {
  const message = new Message('renameCheckpoint', value);
  return { id: message.text('id'), name: message.text('name') };
}

export function parseCheckpointAnswer(value: unknown): CheckpointAnswer {
  return { id: new Message('takeCheckpoint answer', value).text('id') };
}
