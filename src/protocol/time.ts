/** Where the session is in its recording, and how to go elsewhere. All instants are retired-instruction counts (I1). */
import { Message, present } from './message';

/** `chronovisor/seek`: to exactly this instant of the present branch. Answers when there; a `stopped` event follows. */
export interface SeekArguments {
  readonly instret: number;
}

/** A checkpoint as a mark on the timeline. */
export interface TimelineMark {
  readonly id: string;
  readonly instret: number;
  readonly automatic: boolean;
  readonly name?: string;
}

/** Answer to `chronovisor/timeline`: the present branch from its first instant to its last. */
export interface Timeline {
  readonly begin: number;
  readonly end: number;
  readonly now: number;
  readonly checkpoints: readonly TimelineMark[];
}

/** Event `chronovisor/time`, sent at every stop and a few times a second while the guest runs. */
export interface TimeEvent {
  readonly now: number;
  /** The last instant of the present branch's recording. */
  readonly end: number;
  /** At the end of the recording: running on makes new history. */
  readonly live: boolean;
}

export function parseSeek(value: unknown): SeekArguments {
  return { instret: new Message('seek', value).count('instret') };
}

export function parseTimelineMark(value: unknown): TimelineMark {
  const message = new Message('timeline checkpoint', value);
  return {
    id: message.text('id'),
    instret: message.count('instret'),
    automatic: message.flag('automatic'),
    ...present({ name: message.optionalText('name') }),
  };
}

export function parseTimeline(value: unknown): Timeline {
  const message = new Message('timeline', value);
  return {
    begin: message.count('begin'),
    end: message.count('end'),
    now: message.count('now'),
    checkpoints: message.list('checkpoints', parseTimelineMark),
  };
}

export function parseTime(value: unknown): TimeEvent {
  const message = new Message('time', value);
  return { now: message.count('now'), end: message.count('end'), live: message.flag('live') };
}
