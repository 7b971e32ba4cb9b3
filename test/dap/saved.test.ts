/** Saved checkpoints over DAP, with the fake machine and an archive whose saves end when the test says so. */
import assert from 'node:assert/strict';
import { storeFull } from '../../src/checkpoint/store/errors';
import {
  encodeGuest,
  EVENT,
  REQUEST,
  type CheckpointNode,
  type CheckpointTree,
  type SavedCheckpoints,
} from '../../src/protocol';
import { demo, fixture, GUEST, LAUNCH, type Fixture } from './support';

async function stopped(options: Parameters<typeof fixture>[1] = {}): Promise<Fixture> {
  const f = fixture(demo(), options);
  await f.client.startStopped(LAUNCH);
  return f;
}

const take = async ({ client }: Fixture, name?: string): Promise<string> =>
  (await client.request<{ id: string }>(REQUEST.takeCheckpoint, name === undefined ? {} : { name })).id;

const nodeOf = async ({ client }: Fixture, id: string): Promise<CheckpointNode | undefined> =>
  (await client.request<CheckpointTree>(REQUEST.checkpoints)).nodes.find((node) => node.id === id);

const listOf = ({ client }: Fixture): Promise<SavedCheckpoints> => client.request(REQUEST.savedCheckpoints);

describe('dap: saving checkpoints', () => {
  it('answers when the checkpoint is durable, and tells the list', async () => {
    const f = await stopped();
    const id = await take(f, 'entry');
    const { savedId } = await f.client.request<{ savedId: string }>(REQUEST.saveCheckpoint, {
      id,
      notes: 'all is well',
    });
    assert.equal(savedId, '1');
    assert.equal((await nodeOf(f, id))?.saved, '1');
    const told = await f.client.event<SavedCheckpoints>(EVENT.savedChanged);
    assert.deepEqual(told, await listOf(f));
    assert.equal(told.store, '/stores/fake');
    const [saved] = told.checkpoints;
    assert.deepEqual(
      [saved?.name, saved?.notes, saved?.savedAt, saved?.instret, saved?.program, saved?.isSameGuest],
      ['entry', 'all is well', 1_700_000_000_000, 0, '/src/demo.elf', true],
    );
    const summary = (await f.archive.list())[0];
    assert.deepEqual(summary?.guest, encodeGuest(GUEST));
    await assert.rejects(f.client.request(REQUEST.saveCheckpoint, { id }), { code: 'CHECKPOINT_SAVED' });
  });

  it('lets the guest run on meanwhile, and shows how far it is', async () => {
    const f = await stopped();
    const id = await take(f, 'entry');
    f.archive.isHolding = true;
    const saving = f.client.request<{ savedId: string }>(REQUEST.saveCheckpoint, { id });
    await f.client.next();
    f.clock.time += 1000;
    f.archive.report(25, 100);
    const start = await f.client.event<{ title: string; percentage: number }>('progressStart');
    assert.deepEqual([start.title, start.percentage], ['Saving entry', 25]);
    assert.equal((await nodeOf(f, id))?.saving, 25);
    assert.deepEqual((await listOf(f)).checkpoints, [], 'it is in no list before it is durable');
    f.clock.time += 1000;
    f.archive.report(75, 100);
    assert.equal((await f.client.event<{ percentage: number }>('progressUpdate')).percentage, 75);
    await assert.rejects(f.client.request(REQUEST.saveCheckpoint, { id }), { code: 'CHECKPOINT_SAVING' });
    f.archive.letGo();
    await saving;
    await f.client.event('progressEnd');
    assert.equal((await nodeOf(f, id))?.saving, undefined);
  });

  it('can be cancelled by its own request, and as any progress', async () => {
    const f = await stopped();
    f.archive.isHolding = true;
    const [first, second] = [await take(f), await take(f)];
    const one = f.client.raw(REQUEST.saveCheckpoint, { id: first });
    await f.client.request(REQUEST.cancelSave, { id: first });
    assert.equal((await one).message, 'SAVE_CANCELLED');
    await assert.rejects(f.client.request(REQUEST.cancelSave, { id: first }), { code: 'NOT_SAVING' });
    const other = f.client.raw(REQUEST.saveCheckpoint, { id: second });
    // By then it is under way.
    await nodeOf(f, second);
    f.clock.time += 1000;
    f.archive.report(1, 2);
    const { progressId } = await f.client.event<{ progressId: string }>('progressStart');
    await f.client.request('cancel', { progressId });
    assert.equal((await other).message, 'SAVE_CANCELLED');
    assert.deepEqual((await listOf(f)).checkpoints, []);
    // What was cancelled can be saved again.
    f.archive.isHolding = false;
    await f.client.request(REQUEST.saveCheckpoint, { id: first });
  });

  it('says by a code why it failed, and the checkpoint stays', async () => {
    const f = await stopped();
    const id = await take(f);
    f.archive.failures.set('save', storeFull());
    await assert.rejects(f.client.request(REQUEST.saveCheckpoint, { id }), { code: 'STORE_FULL' });
    const node = await nodeOf(f, id);
    assert.deepEqual([node?.saved, node?.saving], [undefined, undefined]);
    await assert.rejects(f.client.request(REQUEST.saveCheckpoint, { id: 'c9' }), {
      code: 'CHECKPOINT_UNKNOWN',
    });
  });

  it('has no place to save to without a store, and says how to get one', async () => {
    const f = await stopped({ hasStore: false });
    const id = await take(f);
    await assert.rejects(f.client.request(REQUEST.saveCheckpoint, { id }), {
      code: 'NO_STORE',
      text: /"store"/u,
    });
    assert.deepEqual(await listOf(f), { checkpoints: [] });
  });

  for (const end of ['disconnect', 'the channel'] as const) {
    it(`ends what it began when ${end} ends the session, then closes the store`, async () => {
      const f = await stopped();
      const id = await take(f, 'last');
      f.archive.isHolding = true;
      const saving = f.client.raw(REQUEST.saveCheckpoint, { id });
      if (end === 'disconnect') {
        await f.client.request('disconnect');
        assert.equal(
          f.archive.count,
          1,
          'the answer comes behind the save: then the client ends the process',
        );
      }
      await f.session.close();
      assert.equal((await saving).success, true);
      assert.equal((await f.archive.list())[0]?.name, 'last');
      assert.deepEqual([f.debuggee.disposed, f.archive.isClosed], [true, true]);
    });
  }
});

describe('dap: saved checkpoints of earlier sessions', () => {
  async function withSaved(): Promise<Fixture> {
    const f = await stopped();
    const other = { ...GUEST, program: { path: '/src/demo.elf', hash: 'sha256:2' } };
    f.archive.put({ name: 'mine', guest: encodeGuest(GUEST), instret: 12, notes: 'n' });
    f.archive.put({ name: 'other', guest: encodeGuest(other), instret: 7 });
    f.archive.put({ name: 'strange', guest: 'not ours', savedAt: -1, instret: 0.5 });
    f.archive.put({ damaged: true });
    await f.client.continue();
    return f;
  }

  it('are told apart by their guest, whatever is in them', async () => {
    const { checkpoints } = await listOf(await withSaved());
    assert.deepEqual(
      checkpoints.map(({ name, isSameGuest, damaged, instret }) => [name, isSameGuest, damaged, instret]),
      [
        ['mine', true, false, 12],
        ['other', false, false, 7],
        ['strange', false, false, 0],
        ['', false, true, 0],
      ],
    );
  });

  it('are loaded into the session, once', async () => {
    const f = await withSaved();
    await f.client.request(REQUEST.loadSaved, { id: '1' });
    const stop = await f.client.event<{ reason: string; description: string }>(
      'stopped',
      ({ reason }) => reason === 'restore',
    );
    assert.equal(stop.description, 'Paused at a saved checkpoint');
    assert.equal(f.debuggee.now, 12);
    const { nodes } = await f.client.request<CheckpointTree>(REQUEST.checkpoints);
    assert.deepEqual(
      nodes.map(({ saved }) => saved),
      ['1'],
    );
    await f.client.continue();
    await f.client.request(REQUEST.loadSaved, { id: '1' });
    assert.equal(f.debuggee.now, 12);
    assert.equal((await f.client.request<CheckpointTree>(REQUEST.checkpoints)).nodes.length, 1);
    assert.equal(f.archive.open, 0);
  });

  it('leave the guest where it is when they cannot be loaded', async () => {
    const f = await withSaved();
    const before = f.debuggee.now;
    f.archive.put({ name: 'far', guest: encodeGuest(GUEST), instret: 1e9 });
    for (const [id, code] of [
      ['9', 'CHECKPOINT_UNKNOWN'],
      ['5', 'CHECKPOINT_OTHER_GUEST'],
    ]) {
      await assert.rejects(f.client.request(REQUEST.loadSaved, { id }), { code });
      await f.client.event('stopped');
    }
    assert.deepEqual([f.debuggee.now, f.archive.open], [before, 0]);
  });

  it('are renamed, exported and deleted; nodes that were saved so are not any more', async () => {
    const f = await withSaved();
    await f.client.request(REQUEST.updateSaved, { id: '1', name: 'yours' });
    const [first] = (await listOf(f)).checkpoints;
    assert.deepEqual([first?.name, first?.notes], ['yours', 'n']);
    await f.client.request(REQUEST.exportCheckpoint, { id: '1', path: '/x.cvstore' });
    assert.deepEqual(f.archive.exported, ['/x.cvstore']);
    const id = await take(f);
    const { savedId } = await f.client.request<{ savedId: string }>(REQUEST.saveCheckpoint, { id });
    await f.client.request(REQUEST.deleteSaved, { id: savedId });
    assert.equal((await nodeOf(f, id))?.saved, undefined);
    await assert.rejects(f.client.request(REQUEST.deleteSaved, { id: savedId }), {
      code: 'CHECKPOINT_UNKNOWN',
    });
    await assert.rejects(f.client.request(REQUEST.exportCheckpoint, { id: savedId, path: '/y' }), {
      code: 'CHECKPOINT_UNKNOWN',
    });
  });
});
