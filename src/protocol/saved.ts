/**
 * The custom DAP requests and events about checkpoints that are kept for good: in a store that outlives the session, or
 * in a file. Ids of saved checkpoints are the store's own; ids of nodes of the tree are the session's (checkpoints.ts).
 */
import { Message, present } from './message';

export interface SavedCheckpoint {
  /** Of the store, never empty. */
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  readonly instret: number;
  /** What saving it added to the store. */
  readonly sizeBytes: number;
  readonly ramBytes: number;
  readonly consoleTail: string;
  /** For how long the guest stood still for it. */
  readonly stopMicroseconds: number;
  /** It cannot be read: only its id means something. */
  readonly damaged: boolean;
  /** Path of the guest's program; empty when unknown. */
  readonly program: string;
  /** Taken of the guest of this session: it can be loaded here. */
  readonly isSameGuest: boolean;
}

/** Answer to `chronovisor/savedCheckpoints`, and body of the event `chronovisor/savedChanged`. */
export interface SavedCheckpoints {
  /** Absent where the session has no store. */
  readonly store?: string;
  /** In the order in which they were saved. */
  readonly checkpoints: readonly SavedCheckpoint[];
}

/**
 * `chronovisor/saveCheckpoint`: a node of the tree goes to the store. Answered with SaveAnswer when it is durable, or with
 * an error; meanwhile there are progress events, and the node says how far it is.
 */
export interface SaveCheckpointArguments {
  readonly id: string;
  readonly name?: string;
  readonly notes?: string;
}

export interface SaveAnswer {
  /** Of the store. */
  readonly savedId: string;
}

/** `chronovisor/exportCheckpoint`: writes a saved checkpoint to a file of its own. Answers without a body. */
export interface ExportCheckpointArguments {
  readonly id: string;
  readonly path: string;
}

/** `chronovisor/updateSaved`: changes what is given. Answers without a body. */
export interface UpdateSavedArguments {
  readonly id: string;
  readonly name?: string;
  readonly notes?: string;
}

/** Names and notes are texts for people: longer ones are somebody's mistake. */
const TEXT_MAX = 10_000;

function shortText(message: Message, key: string): string | undefined {
  const text = message.optionalText(key);
  if (text !== undefined && text.length > TEXT_MAX) {
    throw message.wrong(key, `a text of at most ${String(TEXT_MAX)} characters`, text);
  }
  return text;
}

function nonEmpty(message: Message, key: string): string {
  const text = message.text(key);
  if (text === '') throw message.wrong(key, 'a text that is not empty', text);
  return text;
}

export function parseSaveCheckpoint(value: unknown): SaveCheckpointArguments {
  const message = new Message('saveCheckpoint', value);
  const [name, notes] = [shortText(message, 'name'), shortText(message, 'notes')];
  return { id: message.text('id'), ...present({ name, notes }) };
}

export function parseUpdateSaved(value: unknown): UpdateSavedArguments {
  const message = new Message('updateSaved', value);
  const [name, notes] = [shortText(message, 'name'), shortText(message, 'notes')];
  return { id: message.text('id'), ...present({ name, notes }) };
}

export function parseExportCheckpoint(value: unknown): ExportCheckpointArguments {
  const message = new Message('exportCheckpoint', value);
  return { id: message.text('id'), path: nonEmpty(message, 'path') };
}

export function parseSaveAnswer(value: unknown): SaveAnswer {
  return { savedId: nonEmpty(new Message('saveCheckpoint answer', value), 'savedId') };
}

export function parseSavedCheckpoint(value: unknown): SavedCheckpoint {
  const message = new Message('saved checkpoint', value);
  return {
    id: nonEmpty(message, 'id'),
    name: message.text('name'),
    notes: message.text('notes'),
    savedAt: message.count('savedAt'),
    instret: message.count('instret'),
    sizeBytes: message.count('sizeBytes'),
    ramBytes: message.count('ramBytes'),
    consoleTail: message.text('consoleTail'),
    stopMicroseconds: message.count('stopMicroseconds'),
    damaged: message.flag('damaged'),
    program: message.text('program'),
    isSameGuest: message.flag('isSameGuest'),
  };
}

export function parseSavedCheckpoints(value: unknown): SavedCheckpoints {
  const message = new Message('saved checkpoints', value);
  return {
    checkpoints: message.list('checkpoints', parseSavedCheckpoint),
    ...present({ store: message.optionalText('store') }),
  };
}
