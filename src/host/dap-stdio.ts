/**
 * The debug adapter behind its standard input and output: one session, which ends with the input or with `disconnect`.
 * Whatever else writes to standard output would be taken for messages, so console.log goes to standard error.
 */
import type { Readable, Writable } from 'node:stream';
import { Emitter } from '../base/events';
import { serve } from '../dap/framing';
import type { GuestOpener } from '../dap/ports';
import { Session } from '../dap/session';
import { nodeSessionHost } from './node-session';

/** Resolves when the session has ended and everything is written. Streams are left open. */
export async function serveStreams(openGuest: GuestOpener, input: Readable, output: Writable): Promise<void> {
  const session = new Session(nodeSessionHost(), openGuest);
  const incoming = new Emitter<Uint8Array>();
  const connection = serve(session, {
    onData: incoming.event,
    write: (bytes) => {
      if (output.writable) output.write(bytes);
    },
  });
  await new Promise<void>((resolve) => {
    session.onEnd(() => resolve());
    input.on('data', (bytes: Uint8Array) => incoming.fire(bytes));
    for (const event of ['end', 'close', 'error']) input.once(event, () => resolve());
    // The client is gone; the input tells the same.
    output.on('error', () => resolve());
  });
  connection.dispose();
  session.dispose();
  await new Promise<void>((resolve) => {
    if (output.writable) output.write('', () => resolve());
    else resolve();
  });
}

/** Serves this process's own standard streams, then ends the process. */
export async function serveStdio(openGuest: GuestOpener): Promise<never> {
  console.log = console.error;
  await serveStreams(openGuest, process.stdin, process.stdout);
  process.exit();
}
