/** A whole program of the corpus: our machine runs from stop to stop, and what is seen there is compared. */
import assert from 'node:assert/strict';
import { liveView, elfMachine } from '../support/elf-guest';
import { defined } from '../../src/base/errors';
import { SymbolFiles } from '../../src/host/symbol-files';
import { SymbolFile } from '../../src/symbols/symbol-file';
import type { Built } from './builds';
import type { Comparison, Difference } from './compare';
import type { JudgedStop } from './judge';
import { framesAt, runTo } from './ours';

export function compareProgram(
  comparison: Comparison,
  program: Built,
  stops: readonly JudgedStop[],
): Comparison {
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
export function summary(differences: readonly Difference[]): string {
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
