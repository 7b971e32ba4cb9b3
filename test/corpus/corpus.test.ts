/**
 * Every line and every local variable at it against GDB: the corpus, by all its builds, in QEMU under gdb-multiarch and in
 * our machine. At each stop the frames (inlined ones too), their lines and the values of all variables of all frames must
 * be the same; where they are not, accepted.ts says why. CHRONOVISOR_CORPUS=all takes the full product of flags.
 */
import assert from 'node:assert/strict';
import { liveView, elfMachine } from '../support/elf-guest';
import { requireTool } from '../support/tools';
import { defined } from '../../src/base/errors';
import { SymbolFiles } from '../../src/host/symbol-files';
import { SymbolFile } from '../../src/symbols/symbol-file';
import { accepted } from './accepted';
import { built, chosenBuilds, CLANG, GCC, LLD, UNOPTIMISED, type Build, type Built } from './builds';
import { Comparison, Truth, type Difference } from './compare';
import { GDB, judged, QEMU, type JudgedStop } from './judge';
import { OBJCOPY } from './split';
import { framesAt, runTo } from './ours';

/** Builds that are made and judged ahead of the one that is compared. */
const AHEAD = 2;

interface Ready {
  readonly program: Built;
  readonly stops: readonly JudgedStop[];
}

describe('corpus', function () {
  this.timeout(400_000);
  const builds = chosenBuilds();
  const ready = new Map<Build, Promise<Ready>>();
  const total = { stops: 0, frames: 0, variables: 0, values: 0, tailFrames: 0 };
  let truth: Promise<Truth> | undefined;
  const reasons = new Map<string, number>();

  before(function () {
    requireTool(this, GCC, CLANG, LLD, OBJCOPY, GDB, QEMU);
  });

  const prepare = (build: Build): Promise<Ready> => {
    const known = ready.get(build);
    if (known !== undefined) return known;
    const made = built(build).then(async (program) => ({ program, stops: await judged(program) }));
    // Who waits for it hears of its failure.
    made.catch(() => undefined);
    ready.set(build, made);
    return made;
  };

  builds.forEach((build, index) => {
    it(`${build.name}: every variable at every line is as GDB says`, async () => {
      builds.slice(index, index + AHEAD).forEach((one) => void prepare(one));
      const { program, stops } = await prepare(build);
      ready.delete(build);
      assert.ok(stops.length > 200, `GDB stopped ${stops.length} times`);
      truth ??= prepare(UNOPTIMISED).then((found) => new Truth(found.stops));
      const comparison = compare(new Comparison(build.name, await truth), program, stops);
      const unexplained = comparison.differences.filter((one) => !explained(one));
      for (const key of ['stops', 'frames', 'variables', 'values', 'tailFrames'] as const)
        total[key] += comparison.counts[key];
      if (unexplained.length > 0) {
        assert.fail(`${unexplained.length} unexplained differences\n${summary(unexplained)}`);
      }
    });
  });

  function explained(difference: Difference): boolean {
    const found = accepted.find((one) => one.matches(difference));
    if (found !== undefined) reasons.set(found.reason, 1 + (reasons.get(found.reason) ?? 0));
    return found !== undefined;
  }

  after(() => {
    console.log(
      `      ${total.stops} stops, ${total.frames} frames, ${total.variables} variables, ${total.values} values compared`,
    );
    console.log(`      ${total.tailFrames} frames left out that GDB makes up for tail calls`);
    for (const [reason, count] of reasons) console.log(`      ${count} accepted: ${reason}`);
  });
});

function compare(comparison: Comparison, program: Built, stops: readonly JudgedStop[]): Comparison {
  const files = new SymbolFiles();
  try {
    const { openFile } = files;
    const symbols = SymbolFile.open(defined(openFile(program.elf)), { path: program.elf, openFile });
    const machine = elfMachine(program.elf);
    const view = liveView(machine);
    for (const stop of stops) {
      runTo(machine, view, stop);
      const frames = framesAt(view, symbols);
      comparison.stop(stop, frames);
      const [top] = frames;
      if (stop.globals !== undefined && top !== undefined) {
        const where = { build: comparison.build, pc: stop.pc, frame: -1, function: top.name };
        comparison.variables(where, stop.globals, symbols.globalsAt(stop.pc), top.context);
      }
    }
    assert.deepEqual(symbols.warnings, []);
    return comparison;
  } finally {
    files.close();
  }
}

/** Those of one place in the sources are told once. */
function summary(differences: readonly Difference[]): string {
  const told = new Map<string, { readonly text: string; count: number }>();
  for (const { kind, pc, frame, function: name, path, gdb, ours } of differences) {
    const key = `${kind} ${name} ${path.replace(/\d+/g, '')}`;
    const known = told.get(key);
    if (known !== undefined) known.count++;
    else {
      const where = `0x${pc.toString(16)} frame ${frame} ${name}`;
      told.set(key, { text: `${kind} at ${where} ${path}: GDB ${gdb}; ours ${ours}`, count: 1 });
    }
  }
  return [...told.values()]
    .map(({ text, count }) => (count > 1 ? `${text} (and ${count - 1} more)` : text))
    .join('\n');
}
