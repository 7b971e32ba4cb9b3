/** The debug adapter behind a TCP port of this machine alone: every connection is a session of its own. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { userError } from '../base/errors';
import type { GuestOpener } from '../dap/ports';
import { serveStreams } from './dap-stdio';

/** Never an address of a network: the protocol has no password, and a debugger reads files. */
const LOOPBACK = '127.0.0.1';

export interface TcpAdapter {
  readonly port: number;
  /** Ends all sessions; resolves when the port is free. */
  close(): Promise<void>;
}

/** Port 0 takes a free one. Throws UserError('DAP_PORT') when the port cannot be had. */
export async function listenTcp(openGuest: GuestOpener, port: number): Promise<TcpAdapter> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    void serveStreams(openGuest, socket, socket).finally(() => {
      sockets.delete(socket);
      socket.end();
    });
  });
  await listening(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

const listening = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        userError('DAP_PORT', `port ${port} cannot be used: ${cause.message}; choose another one`, cause),
      ),
    );
    server.listen(port, LOOPBACK, () => resolve());
  });
