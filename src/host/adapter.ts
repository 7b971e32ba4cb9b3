/** The debug adapter on this host: over streams, or over TCP on the loopback interface, a session a connection. */
import { createServer, type Server } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { userError } from '../base/errors';
import { Emitter } from '../base/events';
import { serve } from '../dap/framing';
import type { GuestOpener } from '../dap/ports';
import { Session } from '../dap/session';
import { hostClock } from './clock';
import { sessionHost } from './files';
import { launchGuest } from './launch';

/** Never an address of a network: the protocol has no password, and a debugger reads files. */
const LOOPBACK = '127.0.0.1';

const openGuest: GuestOpener = async (configuration, given) => {
  const { store, checkpoint, snapshot, relocate } = configuration;
  const launched = await launchGuest(
    {
      settings: configuration,
      given,
      ...{ store, checkpoint, snapshot, relocated: relocate },
      storeIsOptional: true,
    },
    { clock: hostClock, record: true, onDeadIdle: 'wait' },
  );
  const { guest, keeping, from, storeError } = launched;
  return {
    ...guest,
    ...(keeping ? { keeping } : {}),
    ...(from ? { resumedFrom: from.id } : {}),
    ...(storeError ? { notice: `Checkpoints cannot be saved in this session: ${storeError.message}` } : {}),
    close: () => launched.close(),
  };
};

/** A session that opens guests from this host's files. */
export const createSession = (): Session => new Session(sessionHost, openGuest);

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
  // What is being saved becomes durable first.
  await session.close();
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
