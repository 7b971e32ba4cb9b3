/** Names that need a search of a whole file: others are answered meanwhile, it can be given up, and it is told. */
import assert from 'node:assert/strict';
import type { SessionContext } from '../../src/dap/context';
import { patiently } from '../../src/dap/searching';
import { SearchGate, SearchNeeded, type Search } from '../../src/symbols/search';

/** Of the session what a search needs; each look at the clock takes ten milliseconds. */
class Desk {
  readonly events: string[] = [];
  readonly searching = new Set<{ requestSeq: number; progressId: string; cancelled: boolean }>();
  readonly client = { progress: true };
  readonly gate_ = new SearchGate();
  readonly guest = { searches: this.gate_ };
  readonly hasGuest = true;
  yields = 0;
  time = 0;
  /** What others do while the search lets them. */
  meanwhile: () => void = () => undefined;
  readonly host = {
    clock: {
      now: () => (this.time += 10),
      yield: async () => {
        this.yields++;
        this.meanwhile();
        await Promise.resolve();
      },
    },
  };
  gated: Error | undefined;
  gate(): void {
    if (this.gated) throw this.gated;
  }
  event(name: string, body: { percentage?: number } = {}): void {
    this.events.push(body.percentage === undefined ? name : `${name} ${body.percentage}`);
  }
  get context(): SessionContext {
    return this as unknown as SessionContext;
  }
}

class Slices implements Search {
  done = 0;
  constructor(private readonly count: number) {}
  advance(): number {
    return ++this.done / this.count;
  }
  get isDone(): boolean {
    return this.done >= this.count;
  }
}

const asking = (desk: Desk, search: Slices) => (): string => {
  if (!search.isDone && desk.gate_.defers) throw new SearchNeeded(search);
  return `found after ${search.done}`;
};

const CALL = { seq: 7 };

describe('dap: searches in symbols', () => {
  it('answers at once what is known', async () => {
    const desk = new Desk();
    const search = new Slices(0);
    assert.equal(await patiently(desk.context, CALL, 'stopped', asking(desk, search)), 'found after 0');
    assert.equal(desk.yields, 0);
    assert.deepEqual(desk.events, []);
  });

  it('searches in slices, between which others have their turn, and tells how far it is', async () => {
    const desk = new Desk();
    const search = new Slices(200);
    assert.equal(await patiently(desk.context, CALL, 'stopped', asking(desk, search)), 'found after 200');
    assert.ok(desk.yields >= 90, `${desk.yields} turns of others`);
    assert.match(desk.events.join(), /^progressStart \d+,(?:progressUpdate \d+,)+progressEnd$/u);
    assert.equal(desk.searching.size, 0);
  });

  it('can be given up, by the request and by the progress', async () => {
    for (const key of ['requestSeq', 'progressId'] as const) {
      const desk = new Desk();
      const search = new Slices(200);
      desk.meanwhile = () => {
        const [task] = desk.searching;
        if (desk.yields === 3 && task?.[key] === (key === 'requestSeq' ? 7 : 'search-7'))
          task.cancelled = true;
      };
      const answer = patiently(desk.context, CALL, 'stopped', asking(desk, search));
      await assert.rejects(answer, { code: 'CANCELLED' });
      assert.ok(search.done < 20);
      assert.equal(desk.searching.size, 0);
    }
  });

  it('asks the gate again: the guest may have gone on', async () => {
    const desk = new Desk();
    desk.gated = new Error('running');
    await assert.rejects(patiently(desk.context, CALL, 'stopped', asking(desk, new Slices(9))), /running/u);
  });

  it('comes to an end where each answer needs one more search', async () => {
    const desk = new Desk();
    let asked = 0;
    const answer = await patiently(desk.context, CALL, 'stopped', () => {
      asked++;
      if (desk.gate_.defers) throw new SearchNeeded(new Slices(1));
      return 'found';
    });
    assert.equal(answer, 'found');
    assert.ok(asked < 100);
  });

  it('does nothing twice: who has written something insists on an answer', async () => {
    const desk = new Desk();
    const search = new Slices(20);
    let writes = 0;
    const answer = await patiently(desk.context, CALL, 'stopped', () => {
      writes++;
      desk.gate_.insist();
      return asking(desk, search)();
    });
    assert.equal(answer, 'found after 0');
    assert.equal(writes, 1);
  });

  it('passes what handlers reject with', async () => {
    const desk = new Desk();
    const answer = patiently(desk.context, CALL, 'stopped', () => Promise.reject(new Error('no')));
    await assert.rejects(answer, /no/u);
  });
});
