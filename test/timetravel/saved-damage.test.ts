/** Saved states whose bytes are whole and that make no sense: from a file that somebody made. */
import assert from 'node:assert/strict';
import type { LoadedCheckpoint } from '../../src/checkpoint/archive';
import type { SectionData } from '../../src/machine/device';
import { MemoryArchive } from '../support/memory-archive';
import { OPTIONS, walker } from './saved-support';
import { Travel } from './support';

describe('a saved state that makes no sense', () => {
  /** A loaded checkpoint with one section changed. */
  async function damaged(
    name: string,
    change: (data: SectionData) => SectionData,
  ): Promise<LoadedCheckpoint> {
    const archive = await MemoryArchive.make();
    const guest = new Travel(walker());
    await guest.seek(1000);
    const { id } = await guest.time.saveCheckpoint(guest.time.takeCheckpoint().id, archive, OPTIONS).done;
    const loaded = await archive.load(id);
    const sections = loaded.sections.map((section) =>
      section.name === name ? { ...section, data: change(section.data) } : section,
    );
    return { ...loaded, sections };
  }
  const withChanged =
    (changes: Readonly<Record<string, SectionData>>) =>
    (data: SectionData): SectionData => ({ ...(data as Readonly<Record<string, SectionData>>), ...changes });
  const cases: Readonly<Record<string, [string, (data: SectionData) => SectionData]>> = {
    'a hart of another size': ['hart0', () => new Uint8Array(20_000)],
    'a hart that there is not': ['machine', withChanged({ current: 3 })],
    'a turn without end': ['machine', withChanged({ quantumLeft: Infinity })],
  };
  for (const [name, [section, change]] of Object.entries(cases)) {
    it(`is refused: ${name}`, async () => {
      const loaded = await damaged(section, change);
      assert.throws(() => new Travel(walker(), {}, { from: { loaded } }), { code: 'STORE_DAMAGED' });
      const other = new Travel(walker());
      assert.throws(() => other.time.adoptCheckpoint({ loaded }), { code: 'STORE_DAMAGED' });
    });
  }

  it('is refused when it is gone to, where a device finds out; the guest stays sound', async () => {
    const loaded = await damaged('plic', () => ({}));
    assert.throws(() => new Travel(walker(), {}, { from: { loaded } }), { code: 'SECTION_DATA' });
    const other = new Travel(walker());
    await other.seek(5000);
    other.time.takeCheckpoint();
    const before = other.where;
    const { id } = other.time.adoptCheckpoint({ loaded });
    await assert.rejects(other.time.restoreCheckpoint(id), { code: 'SECTION_DATA' });
    assert.deepEqual(other.where, before);
    assert.equal(other.time.branch, 0);
    other.time.deleteCheckpoint(id);
    await other.seek(4000);
    await other.seek(5000);
    assert.deepEqual(other.where, before);
  });
});
