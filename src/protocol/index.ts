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
  /** SaveCheckpointArguments -> SaveAnswer, when it is durable */
  saveCheckpoint: 'chronovisor/saveCheckpoint',
  /** CheckpointArguments, a node that is being saved -> {}; its saveCheckpoint then fails as SAVE_CANCELLED */
  cancelSave: 'chronovisor/cancelSave',
  /** {} -> SavedCheckpoints */
  savedCheckpoints: 'chronovisor/savedCheckpoints',
  /** CheckpointArguments of a saved one -> {}; the session goes there */
  loadSaved: 'chronovisor/loadSaved',
  /** UpdateSavedArguments -> {} */
  updateSaved: 'chronovisor/updateSaved',
  /** CheckpointArguments of a saved one -> {} */
  deleteSaved: 'chronovisor/deleteSaved',
  /** ExportCheckpointArguments -> {} */
  exportCheckpoint: 'chronovisor/exportCheckpoint',
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
  /** SavedCheckpoints */
  savedChanged: 'chronovisor/savedChanged',
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
export * from './saved';
export * from './saved-guest';
export * from './symbol-files';
export * from './time';
