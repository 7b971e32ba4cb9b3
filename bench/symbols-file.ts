/**
 * A program with 500 MB of debug information for the bench of symbols: real units of GCC. One source file is compiled; its
 * object is copied under 900 names, which stand in it as a text of a fixed length, and all copies are linked. So every unit
 * has functions, variables and types of its own, and common ones, as those of a kernel have. Kept in .cache/.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './guest';

const GCC = 'riscv64-linux-gnu-gcc';
const LD = 'riscv64-linux-gnu-ld';
export const SYMBOL_TOOLS = [GCC, LD];

const MODULES = 900;
const STRUCTS = 400;
const INLINES = 40;
const FUNCTIONS = 220;
/** Stands in the object wherever a name or path of the module does. */
const PLACEHOLDER = 'mod0000';
const nameOf = (module: number): string => `mod${String(module).padStart(4, '0')}`;

/** What a breakpoint is set on: in the middle of the file, by name and by line. */
export const TARGET = { functionName: `${nameOf(500)}_run_7`, file: `${nameOf(500)}.c`, line: 300 };

const header = (): string => {
  const structs = Array.from({ length: STRUCTS }, (_, i) => {
    const links = i === 0 ? '' : `struct common_${i - 1} *link_${i}; struct common_${i >> 1} *half_${i};`;
    return `struct common_${i} { int id_${i}; long value_${i}; ${links} char name_${i}[${8 + (i % 32)}];
  unsigned flags_${i} : 3, kind_${i} : 5; int (*call_${i})(int, long); union { int word; char bytes[4]; } u_${i}; };`;
  });
  const inlines = Array.from({ length: INLINES }, (_, i) => {
    const id = 3 * i + 1;
    return `static inline int twist_${i}(struct common_${id} *p, int seed) {
  int sum = seed;
  for (int k = 0; k < 4; k++) { int part = p->id_${id} + k; sum += part * ${i + 3}; }
  return sum;
}`;
  });
  return [...structs, ...inlines].join('\n');
};

const source = (): string => {
  const functions = Array.from({ length: FUNCTIONS }, (_, i) => {
    const s = ((i * 7) % (STRUCTS - 2)) + 1;
    const t = i % INLINES;
    return `int ${PLACEHOLDER}_shared_${i};
static int ${PLACEHOLDER}_helper_${i}(struct common_${s} *a, int n) {
  int total = n;
  for (int i = 0; i < n; i++) { int step = a->id_${s} * i; if (step > ${i}) total += step; else total -= a->value_${s}; }
  return total;
}
int ${PLACEHOLDER}_run_${i}(struct common_${s} *a, struct common_${3 * t + 1} *b, int n) {
  int left = ${PLACEHOLDER}_helper_${i}(a, n);
  int right = twist_${t}(b, left);
  if (left > right) { int swap = left; left = right; right = swap; ${PLACEHOLDER}_shared_${i} += swap; }
  return left * right + a->flags_${s};
}`;
  });
  return ['#include "common.h"', ...functions].join('\n');
};

/** The path of the program; made (in about a minute) when it is not there. */
export function symbolsProgram(): string {
  const folder = join(root, '.cache/symbols');
  const path = join(folder, 'program.elf');
  if (existsSync(path)) return path;
  const parts = join(folder, 'parts');
  rmSync(parts, { recursive: true, force: true });
  mkdirSync(parts, { recursive: true });
  try {
    writeFileSync(join(parts, 'common.h'), header());
    writeFileSync(join(parts, `${PLACEHOLDER}.c`), source());
    const flags = ['-O1', '-gdwarf-5', '-mno-relax', '-ffreestanding', '-c'];
    execFileSync(GCC, [...flags, `${PLACEHOLDER}.c`, '-o', 'object'], { cwd: parts });
    const object = readFileSync(join(parts, 'object'));
    const places = placesOf(object, PLACEHOLDER);
    const names = Array.from({ length: MODULES }, (_, module) => `${nameOf(module)}.o`);
    names.forEach((name, module) => {
      for (const place of places) object.write(nameOf(module), place, 'latin1');
      writeFileSync(join(parts, name), object);
    });
    writeFileSync(join(parts, 'list'), names.join('\n'));
    const entry = `${nameOf(0)}_run_0`;
    execFileSync(LD, ['--no-relax', '-e', entry, '@list', '-o', 'program.elf'], { cwd: parts });
    renameSync(join(parts, 'program.elf'), path);
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
  return path;
}

const placesOf = (bytes: Buffer, text: string): number[] => {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
};
