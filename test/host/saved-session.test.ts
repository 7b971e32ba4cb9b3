/** Debug sessions with real guests and stores: what one saves, the next begins with. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSession } from '../../src/host/adapter';
import { openArchive } from '../../src/host/archive';
import { EVENT, REQUEST, type CheckpointTree, type SavedCheckpoints } from '../../src/protocol';
import { clientOf } from '../dap/support';
import type { DapClient } from '../support/dap-client';
import { startAdapter } from '../support/dap-streams';

const ADAPTER = require.resolve('../../src/cli/adapter');
const samples = join(__dirname, '../../samples/demo');
const folder = mkdtempSync(join(tmpdir(), 'chronovisor-sessions-'));
after(() => rmSync(folder, { recursive: true }));

const BANK = {
  program: join(samples, 'bank.elf'),
  firmware: 'none',
  memory: '16M',
  idle: 'skip',
  stopOnEntry: true,
  console: 'debugConsole',
};

/** A session for the time of a test. */
async function session<T>(use: (client: DapClient) => Promise<T>): Promise<T> {
  const own = createSession();
  const client = clientOf(own);
  try {
    return await use(client);
  } finally {
    await client.raw('disconnect');
    await own.close();
  }
}

const hash = (client: DapClient): Promise<string> => client.evaluate('hash', 'repl');
const when = (client: DapClient): Promise<string> => client.evaluate('when', 'repl');
const outputs = (client: DapClient): string =>
  client
    .events<{ output: string }>('output')
    .map(({ output }) => output)
    .join('');

describe('host: sessions with a store', () => {
  const store = join(folder, 'store');
  const file = join(folder, 'audit.cvstore');
  let atAudit: { hash: string; when: string };

  it('saves while the guest runs on, and exports', async () => {
    await session(async (client) => {
      await client.startStopped({ ...BANK, store });
      await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'audit' }] });
      await client.continue();
      atAudit = { hash: await hash(client), when: await when(client) };
      const { id } = await client.request<{ id: string }>(REQUEST.takeCheckpoint, { name: 'audit' });
      const saving = client.request<{ savedId: string }>(REQUEST.saveCheckpoint, { id, notes: 'night 1' });
      await client.next('instruction');
      const { savedId } = await saving;
      await client.request(REQUEST.exportCheckpoint, { id: savedId, path: file });
      const { checkpoints } = await client.request<SavedCheckpoints>(REQUEST.savedCheckpoints);
      assert.deepEqual(
        checkpoints.map(({ name, notes, isSameGuest, program }) => [name, notes, isSameGuest, program]),
        [['audit', 'night 1', true, BANK.program]],
      );
    });
  });

  it('S22: begins with what was saved, without booting; the past before it is gone, its console is not', async () => {
    for (const checkpoint of ['audit', '1', file]) {
      await session(async (client) => {
        const stop = await client.startStopped({ ...BANK, program: '', memory: null, store, checkpoint });
        assert.equal(stop.description, 'Paused at a saved checkpoint');
        assert.equal(await hash(client), atAudit.hash);
        assert.match(await client.where(), /^audit:/u);
        await client.event(EVENT.consoleOutput, ({ reset }: { reset?: boolean }) => reset === true);
        assert.match(outputs(client), /the night bank opens/u);
        assert.equal((await client.stepBack('instruction')).reason, 'beginning');
        await client.next('instruction');
        await client.stepBack('instruction');
        assert.equal(await hash(client), atAudit.hash);
        const tree = await client.request<CheckpointTree>(REQUEST.checkpoints);
        assert.equal(tree.nodes[0]?.name, 'audit');
        assert.equal(tree.nodes[0].saved, checkpoint === file ? undefined : '1');
      });
    }
  });

  it('offers it to the same guest, from power-on, and goes there', async () => {
    await session(async (client) => {
      await client.startStopped({ ...BANK, store });
      const { checkpoints } = await client.request<SavedCheckpoints>(REQUEST.savedCheckpoints);
      assert.equal(checkpoints[0]?.isSameGuest, true);
      await client.request(REQUEST.loadSaved, { id: '1' });
      await client.event('stopped', ({ reason }: { reason: string }) => reason === 'restore');
      assert.equal(await hash(client), atAudit.hash);
      // And back into this session's own history.
      const tree = await client.request<CheckpointTree>(REQUEST.checkpoints);
      await client.request(REQUEST.restoreCheckpoint, { id: tree.nodes[0]?.id });
      assert.match(await when(client), /^instruction 0 of branch 0/u);
    });
    await session(async (client) => {
      await client.startStopped({ ...BANK, memory: '32M', store });
      const { checkpoints } = await client.request<SavedCheckpoints>(REQUEST.savedCheckpoints);
      assert.equal(checkpoints[0]?.isSameGuest, false);
      await assert.rejects(client.request(REQUEST.loadSaved, { id: '1' }), {
        code: 'CHECKPOINT_OTHER_GUEST',
      });
      assert.match(await when(client), /^instruction 6 /u, 'it stands where it stood');
    });
  });

  it('says what is wrong with a launch, and can be launched again', async () => {
    const bytes = readFileSync(file);
    const damaged = join(folder, 'damaged.cvstore');
    writeFileSync(damaged, bytes.subarray(0, bytes.length / 2).fill(7, 8192));
    await session(async (client) => {
      await client.request('initialize', { adapterID: 'x' });
      const cases: readonly (readonly [string, object])[] = [
        ['CHECKPOINT_UNKNOWN', { store, checkpoint: 'nonsense' }],
        ['CHECKPOINT_GUEST', { store, checkpoint: 'audit', memory: '32M' }],
        ['STORE_DAMAGED', { checkpoint: damaged }],
        ['STORE_FOREIGN', { checkpoint: BANK.program }],
        ['STORE_FOREIGN', { store: BANK.program, checkpoint: 'audit' }],
      ];
      for (const [code, launch] of cases) {
        await assert.rejects(client.request('launch', { stopOnEntry: true, ...launch }), { code }, code);
      }
      await client.request('launch', { stopOnEntry: true, store, checkpoint: 'audit' });
    });
  });

  for (const end of ['SIGTERM', 'the end of its input'] as const) {
    it(`ends what it saves before it goes, at ${end}`, async () => {
      const own = join(folder, end.replaceAll(' ', '-'));
      const { client, child, exited } = startAdapter('--import', 'tsx', ADAPTER);
      await client.startStopped({ ...BANK, store: own });
      const { id } = await client.request<{ id: string }>(REQUEST.takeCheckpoint, { name: 'last' });
      const saving = client.raw(REQUEST.saveCheckpoint, { id });
      // Behind this answer the save has begun.
      await client.request('threads');
      if (end === 'SIGTERM') child.kill('SIGTERM');
      else child.stdin.end();
      assert.equal(await exited, 0);
      void saving;
      const archive = await openArchive(own, { create: 'never' });
      const [saved] = await archive.list();
      await archive.close();
      assert.equal(saved?.name, 'last');
    });
  }

  it('debugs without a store that cannot be opened, and says why', async () => {
    await session(async (client) => {
      await client.startStopped({ ...BANK, store: BANK.program });
      assert.match(
        outputs(client),
        /Checkpoints cannot be saved in this session: This is no checkpoint store/u,
      );
      const { id } = await client.request<{ id: string }>(REQUEST.takeCheckpoint, {});
      await assert.rejects(client.request(REQUEST.saveCheckpoint, { id }), { code: 'NO_STORE' });
    });
    await session(async (client) => {
      await client.startStopped({ ...BANK, store, snapshot: true });
      const { id } = await client.request<{ id: string }>(REQUEST.takeCheckpoint, {});
      await assert.rejects(client.request(REQUEST.saveCheckpoint, { id }), { code: 'SNAPSHOT' });
    });
  });
});
