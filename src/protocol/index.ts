/**
 * What the extension and the debug adapter say to each other beyond the Debug Adapter Protocol: the names of the custom
 * requests and events, and (in the files beside this one) the type and the validator of each message.
 */

/** Custom DAP requests, and their arguments and answers. */
export const REQUEST = {
  /** {} -> CheckpointTree */
  checkpoints: 'chronovisor/checkpoints',
  /** TakeCheckpointArguments -> CheckpointAnswer */
  takeCheckpoint: 'chronovisor/takeCheckpoint',
  /** CheckpointArguments -> {} */
  restoreCheckpoint: 'chronovisor/restoreCheckpoint',
  /** RenameCheckpointArguments -> {} */
  renameCheckpoint: 'chronovisor/renameCheckpoint',
  /** CheckpointArguments -> {} */
  deleteCheckpoint: 'chronovisor/deleteCheckpoint',
  /** SeekArguments -> {} */
  seek: 'chronovisor/seek',
  /** {} -> Timeline */
  timeline: 'chronovisor/timeline',
  /** ConsoleInputArguments -> {} */
  consoleInput: 'chronovisor/consoleInput',
  /** {} -> ConsoleHistory */
  consoleHistory: 'chronovisor/consoleHistory',
} as const;

/** Custom DAP events, and their bodies. */
export const EVENT = {
  /** CheckpointTree */
  checkpointsChanged: 'chronovisor/checkpointsChanged',
  /** ConsoleOutput */
  consoleOutput: 'chronovisor/consoleOutput',
  /** TimeEvent */
  time: 'chronovisor/time',
} as const;

export type RequestName = (typeof REQUEST)[keyof typeof REQUEST];

export * from './base64';
export * from './checkpoints';
export * from './console';
export * from './launch';
export * from './time';
