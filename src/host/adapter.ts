/** The debug adapter on this host: over streams, or over TCP on the loopback interface, a session a connection. */
import { createServer, type Server } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { userError } from '../base/errors';
import { Emitter } from '../base/events';
import { serve } from '../dap/framing';
import { openGuest } from '../dap/guest';
import { Session } from '../dap/session';
import { hostClock } from './clock';
import { guestFiles, sessionHost } from './files';

/** Never an address of a network: the protocol has no password, and a debugger reads files. */
const LOOPBACK = '127.0.0.1';

/** A session that opens guests from this host's files. */
export const createSession = (): Session =>
  new Session(sessionHost, (configuration) =>
    openGuest(configuration, guestFiles, { clock: hostClock, record: true, onDeadIdle: 'wait' }),
  );

/**
 * Serves one session over a pair of streams; resolves when it has ended, or its client is gone, and all is written. The
 * streams stay open. Standard output carries messages alone then: what else is written there breaks the connection.
 */
export async function serveStreams(
  input: Readable,
  output: Writable,
  session: Session = createSession(),
): Promise<void> {
  const incoming = new Emitter<Uint8Array>();
  const serving = serve(session, {
    onData: incoming.event,
    write: (bytes) => {
      if (output.writable) output.write(bytes);
    },
  });
  await new Promise<void>((resolve) => {
    const end = (): void => resolve();
    session.onEnd(end);
    input.on('data', (bytes: Uint8Array) => incoming.fire(bytes));
    for (const event of ['end', 'close', 'error']) input.once(event, end);
    output.on('error', end);
  });
  serving.dispose();
  session.dispose();
  await new Promise<void>((resolve) => {
    if (output.writable) output.write('', () => resolve());
    else resolve();
  });
}

/**
 * Listens on 127.0.0.1 alone; port 0 takes a free one. The server's address tells which. Throws UserError('DAP_PORT') when
 * the port cannot be had.
 */
export async function listen(port: number, makeSession: () => Session = createSession): Promise<Server> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    void serveStreams(socket, socket, makeSession()).then(() => socket.end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        userError('DAP_PORT', `port ${port} cannot be used (${cause.message}): choose another one`, cause),
      ),
    );
    server.listen(port, LOOPBACK, () => resolve());
  });
  return server;
}
