/** Random use of the store on every kind of space, against a Map (rows S20, S21). */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MemorySpace, type BlockSpace } from '../../../src/checkpoint/store/space';
import { CheckpointStore } from '../../../src/checkpoint/store/store';
import { FileSpace } from '../../../src/host/store/file-space';
import { preallocate } from '../../../src/host/store/open-store';
import { assertStore, begin, save, type Model } from './support';

const MIB = 1024 * 1024;

interface Kind {
  readonly name: string;
  /** Opens the same space again and again; the first time it is empty. */
  make(folder: string): Promise<() => Promise<BlockSpace>>;
}

const kinds: Kind[] = [
  {
    name: 'RAM that grows',
    make: async () => {
      const space = new MemorySpace();
      return async () => space;
    },
  },
  {
    name: 'RAM of fixed size',
    make: async () => {
      const space = new MemorySpace(8 * MIB, false);
      return async () => space;
    },
  },
  {
    name: 'a file that grows',
    make: async (folder) => () => FileSpace.open(join(folder, 'store'), { mode: 'create' }),
  },
  {
    name: 'a preallocated file',
    make: async (folder) => {
      await preallocate(join(folder, 'fixed'), 8 * MIB);
      return () => FileSpace.open(join(folder, 'fixed'), { mode: 'write', fixed: true });
    },
  },
];

const content = fc.integer({ min: 0, max: 12 });
const pages = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 3000 }), content), {
  selector: ([page]) => page,
  maxLength: 12,
});
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('save' as const), pages, blocks: pages, like: fc.nat() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), pages, blocks: pages }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('rename' as const), which: fc.nat(), name: fc.string() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('import' as const), which: fc.nat() }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

class Session {
  readonly models = new Map<string, Model>();
  private made = 0;

  constructor(
    private readonly space: () => Promise<BlockSpace>,
    private store: CheckpointStore,
  ) {}

  async run(command: Command): Promise<void> {
    const { store, models } = this;
    switch (command.do) {
      case 'save': {
        const likeId = [...models.keys()][command.like % (models.size + 1)];
        const like = likeId === undefined ? undefined : models.get(likeId);
        const model = {
          name: `checkpoint ${++this.made}`,
          pages: new Map([...(like?.pages ?? []), ...command.pages]),
          blocks: new Map([...(like?.blocks ?? []), ...command.blocks]),
        };
        models.set(
          await save(store, model, like && likeId !== undefined ? { id: likeId, model: like } : undefined),
          model,
        );
        return;
      }
      case 'abort': {
        const { pages: put, blocks } = command;
        (await begin(store, { name: 'never', pages: new Map(put), blocks: new Map(blocks) })).abort();
        return;
      }
      case 'delete': {
        const id = [...models.keys()][command.which % Math.max(1, models.size)];
        if (id === undefined) return;
        await store.delete(id);
        models.delete(id);
        return;
      }
      case 'rename': {
        const id = [...models.keys()][command.which % Math.max(1, models.size)];
        const model = id === undefined ? undefined : models.get(id);
        if (id === undefined || !model) return;
        await store.update(id, { name: command.name, notes: 'renamed' });
        models.set(id, { ...model, title: command.name });
        return;
      }
      case 'reopen':
        await store.close();
        this.store = await CheckpointStore.open(await this.space());
        return;
      case 'import': {
        const id = [...models.keys()][command.which % Math.max(1, models.size)];
        const model = id === undefined ? undefined : models.get(id);
        if (id === undefined || !model) return;
        const file = new MemorySpace();
        await store.exportTo(id, file);
        const [copy] = await store.importFrom(file);
        assert.ok(copy);
        models.set(copy.id, model);
      }
    }
  }

  check(): Promise<void> {
    return assertStore(this.store, this.models);
  }

  /** Deleting everything gives everything back. */
  async empty(): Promise<void> {
    for (const id of [...this.models.keys()])
      await this.run({ do: 'delete', which: [...this.models.keys()].indexOf(id) });
    const { objects, liveBytes } = this.store.statistics();
    assert.equal(objects, 0);
    assert.ok(liveBytes < 64 * 1024, `${liveBytes} bytes are still in use`);
    await this.store.close();
  }
}

describe('store: random use', () => {
  for (const kind of kinds) {
    it(`S20: holds what a Map holds, on ${kind.name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
          const folder = mkdtempSync(join(tmpdir(), 'chronovisor-store-'));
          try {
            const space = await kind.make(folder);
            const session = new Session(
              space,
              await CheckpointStore.open(await space(), { segmentBytes: 65536 }),
            );
            for (const one of commands) await session.run(one);
            await session.check();
            await session.empty();
          } finally {
            rmSync(folder, { recursive: true });
          }
        }),
        { numRuns: 25 },
      );
    });
  }
});
