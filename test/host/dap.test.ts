/** The adapter in its own process and behind a port, over the fake machine. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { listen } from '../../src/host/adapter';
import { bareSession, demo, LAUNCH, MAIN } from '../dap/support';
import { clientOfStreams, startAdapter } from '../support/dap-streams';

/** A port with sessions over the fake machine, while `use` runs. */
async function withPort(use: (port: number) => Promise<void>): Promise<void> {
  const server = await listen(0, () => bareSession(demo()).session);
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  try {
    await use(address.port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const connected = (port: number, host = '127.0.0.1'): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.once('error', reject);
  });

describe('host: debug adapter', () => {
  it('speaks through standard input and output, and ends with its session', async () => {
    const { client, exited } = startAdapter('--import', 'tsx', require.resolve('./fake-adapter'));
    await client.startStopped(LAUNCH);
    await client.breakpoints(MAIN, 13);
    assert.equal((await client.continue()).reason, 'breakpoint');
    await client.stepBack();
    assert.equal(await client.where(), 'main:12');
    await client.request('disconnect');
    assert.equal(await exited, 0);
  });

  it('ends when its input ends', async () => {
    const { client, child, exited } = startAdapter('--import', 'tsx', require.resolve('./fake-adapter'));
    await client.startStopped(LAUNCH);
    child.stdin.end();
    assert.equal(await exited, 0);
  });

  it('gives each connection to its port a session of its own', async () => {
    await withPort(async (port) => {
      const sockets = [await connected(port), await connected(port)];
      const [first, second] = sockets.map((socket) => clientOfStreams(socket, socket));
      assert(first !== undefined && second !== undefined);
      await Promise.all([first.startStopped(LAUNCH), second.startStopped(LAUNCH)]);
      await first.next('instruction');
      assert.match(await first.evaluate('when', 'repl'), /^instruction 1 /u);
      assert.match(await second.evaluate('when', 'repl'), /^instruction 0 /u);
      const closed = new Promise((resolve) => sockets[0]?.once('close', resolve));
      await first.request('disconnect');
      await closed;
      assert.match(await second.evaluate('when', 'repl'), /^instruction 0 /u);
    });
  });

  it('cannot be reached from a network', async function () {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
    if (outside === undefined) {
      console.log('      skipped: this machine has no address but loopback');
      return this.skip();
    }
    await withPort(async (port) => {
      await assert.rejects(connected(port, outside.address), { code: 'ECONNREFUSED' });
    });
  });

  it('says that a port is taken', async () => {
    await withPort(async (port) => {
      await assert.rejects(listen(port), { code: 'DAP_PORT' });
    });
  });
});
