/**
 * The guest's console (its first UART). Bytes travel as base64, because a guest writes bytes and not characters: a
 * UTF-8 sequence may be split between two events.
 */
import { decodeBase64 } from './base64';
import { Message, present } from './message';

/** `chronovisor/consoleInput`: what the user typed, as the guest shall receive it. Answers without a body. */
export interface ConsoleInputArguments {
  readonly text: string;
}

/** Answer to `chronovisor/consoleHistory`: everything that the guest had written at `instret`, the present instant. */
export interface ConsoleHistory {
  readonly data: string;
  readonly instret: number;
}

/** Event `chronovisor/consoleOutput`. */
export interface ConsoleOutput {
  readonly data: string;
  /** The session went elsewhere in time: clear the screen and show `data`, which is all there was by then. */
  readonly reset?: boolean;
}

/** Also checks that `text` is base64. */
export function parseConsoleInput(value: unknown): ConsoleInputArguments {
  return { text: base64Field(new Message('consoleInput', value), 'text') };
}

export function parseConsoleHistory(value: unknown): ConsoleHistory {
  const message = new Message('consoleHistory', value);
  return { data: base64Field(message, 'data'), instret: message.count('instret') };
}

export function parseConsoleOutput(value: unknown): ConsoleOutput {
  const message = new Message('consoleOutput', value);
  return { data: base64Field(message, 'data'), ...present({ reset: message.optionalFlag('reset') }) };
}

function base64Field(message: Message, key: string): string {
  const text = message.text(key);
  decodeBase64(text);
  return text;
}
