/** The suite that a corpus is: each of its programs against GDB, with the differences that are left over and why. */
import assert from 'node:assert/strict';
import type { Context } from 'mocha';
import type { Accepted } from './accepted';
import type { Built } from './builds';
import { Comparison, Truth, type Difference } from './compare';
import { compareProgram, summary } from './compare-program';
import { judged, type JudgedStop } from './judge';

/** Builds that are made and judged ahead of the one that is compared. */
const AHEAD = 2;

export interface Corpus<B extends { readonly name: string }> {
  readonly builds: readonly B[];
  /** The one in which every variable has its place all the time. */
  readonly unoptimised: B;
  readonly sources: readonly string[];
  readonly accepted: readonly Accepted[];
  readonly stopsMin: number;
  /** Skips where something is not installed. */
  require(context: Context): void;
  built(build: B): Promise<Built>;
  /** The build with the same code and debug information that is not split, where GDB needs it. */
  twinOf?(build: B): B | undefined;
}

interface Ready {
  readonly program: Built;
  readonly stops: readonly JudgedStop[];
}

export function describeCorpus<B extends { readonly name: string }>(title: string, corpus: Corpus<B>): void {
  describe(title, function () {
    this.timeout(400_000);
    const ready = new Map<B, Promise<Ready>>();
    const total = { stops: 0, frames: 0, variables: 0, values: 0, tailFrames: 0 };
    let truth: Promise<Truth> | undefined;
    const reasons = new Map<string, number>();

    before(function () {
      corpus.require(this);
    });

    const prepare = (build: B): Promise<Ready> => {
      const known = ready.get(build);
      if (known !== undefined) return known;
      const made = corpus
        .built(build)
        .then(async (program) => ({ program, stops: await judged(program, corpus.sources) }));
      // Who waits for it hears of its failure.
      made.catch(() => undefined);
      ready.set(build, made);
      return made;
    };

    corpus.builds.forEach((build, index) => {
      it(`${build.name}: every variable at every line is as GDB says`, async () => {
        corpus.builds.slice(index, index + AHEAD).forEach((one) => void prepare(one));
        const { program, stops } = await prepare(build);
        ready.delete(build);
        assert.ok(stops.length > corpus.stopsMin, `GDB stopped ${stops.length} times`);
        truth ??= prepare(corpus.unoptimised).then((found) => new Truth(found.stops));
        const twin = corpus.twinOf?.(build);
        const twins = twin === undefined ? undefined : (await prepare(twin)).stops;
        const comparison = compareProgram(new Comparison(build.name, await truth, twins), program, stops);
        const unexplained = comparison.differences.filter((one) => !explained(one));
        for (const key of ['stops', 'frames', 'variables', 'values', 'tailFrames'] as const)
          total[key] += comparison.counts[key];
        if (unexplained.length > 0) {
          assert.fail(`${unexplained.length} unexplained differences\n${summary(unexplained)}`);
        }
      });
    });

    function explained(difference: Difference): boolean {
      const found = corpus.accepted.find((one) => one.matches(difference));
      if (found !== undefined) reasons.set(found.reason, 1 + (reasons.get(found.reason) ?? 0));
      return found !== undefined;
    }

    after(() => {
      const { stops, frames, variables, values, tailFrames } = total;
      console.log(
        `      ${stops} stops, ${frames} frames, ${variables} variables, ${values} values compared`,
      );
      console.log(`      ${tailFrames} frames left out that GDB makes up for tail calls`);
      for (const [reason, count] of reasons) console.log(`      ${count} accepted: ${reason}`);
    });
  });
}
