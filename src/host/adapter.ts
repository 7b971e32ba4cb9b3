/** The debug adapter on this host: over stdio, or over TCP on the loopback interface, a session a connection. */
import { createServer, type Server } from 'node:net';
import { serve, type ByteChannel } from '../dap/framing';
import { openGuest } from '../dap/guest';
import { Session } from '../dap/session';
import { hostClock } from './clock';
import { guestFiles, sessionHost } from './files';

/** A session that opens guests from this host's files. */
export const createSession = (): Session =>
  new Session(sessionHost, (configuration) =>
    openGuest(configuration, guestFiles, { clock: hostClock, record: true, onDeadIdle: 'wait' }),
  );

/** Serves one session over a pair of streams; resolves when it has ended. */
export function serveStreams(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<void> {
  const session = createSession();
  return new Promise((resolve) => {
    const channel: ByteChannel = {
      onData: (listener) => {
        const onData = (chunk: Buffer): void => {
          listener(chunk);
        };
        input.on('data', onData);
        return { dispose: () => input.off('data', onData) };
      },
      write: (bytes) => {
        output.write(bytes);
      },
    };
    const serving = serve(session, channel);
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      serving.dispose();
      session.dispose();
      resolve();
    };
    const ending = session.onEnd(end);
    input.once('close', () => {
      ending.dispose();
      end();
    });
    input.once('end', end);
    output.once('error', end);
  });
}

/** Listens on 127.0.0.1 alone; port 0 takes a free one. The server's address tells which. */
export function listen(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    void serveStreams(socket, socket).then(() => {
      socket.end();
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      resolve(server);
    });
  });
}
