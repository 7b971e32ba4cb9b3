/** What GDB says about a program of the corpus: judge.py in gdb-multiarch, connected to QEMU. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Built } from './builds';

const run = promisify(execFile);

export const GDB = 'gdb-multiarch';
export const QEMU = 'qemu-system-riscv64';

const SCRIPT = join(__dirname, 'judge.py');
/** Stops at one address. */
const HITS = 2;

/** A value, as judge.py describes it. */
export type Tree =
  | string
  | { readonly struct: readonly (readonly [string, Tree])[] }
  | { readonly array: readonly [number, readonly Tree[]] }
  | { readonly target: Tree | null }
  | { readonly gone: string }
  | { readonly error: string };

export interface JudgedVariable {
  readonly name: string;
  readonly isParameter: boolean;
  readonly byteSize: number | null;
  readonly tree: Tree;
}

interface FrameOf<Address, Variable> {
  readonly pc: Address;
  readonly name: string | null;
  readonly inline: boolean;
  /** Made up by GDB for a function that has left its place by a tail call. */
  readonly tail: boolean;
  readonly file: string | null;
  readonly line: number;
  /** The innermost first. */
  readonly blocks: readonly {
    readonly start: Address;
    readonly end: Address;
    readonly variables: readonly Variable[];
  }[];
}

export type JudgedFrame = FrameOf<bigint, JudgedVariable>;

export interface JudgedStop {
  readonly pc: bigint;
  /** The registers that are compared, so that it is the same instant. */
  readonly registers: readonly (readonly [number, bigint])[];
  readonly frames: readonly JudgedFrame[];
  /** Once in each function: variables of its unit. */
  readonly globals: readonly JudgedVariable[] | undefined;
}

type RawVariable = readonly [string, boolean, number | null, Tree];

interface RawStop {
  readonly pc: number;
  readonly x: readonly (readonly [number, string])[];
  readonly frames: readonly FrameOf<number, RawVariable>[];
  readonly globals?: readonly RawVariable[];
}

/** The stops in their order, at the lines of these sources. GDB is asked once for each program and script. */
export async function judged(program: Built, sourcePaths: readonly string[]): Promise<JudgedStop[]> {
  const script = readFileSync(SCRIPT);
  const version = createHash('sha256').update(script).update(String(HITS)).digest('hex').slice(0, 16);
  const output = join(program.folder, `judged-${version}.json`);
  if (!existsSync(output)) {
    // Several test processes may ask at once.
    const unfinished = `${output}.${process.pid}`;
    const machine = `-M virt -bios none -kernel ${program.elf} -display none -serial none -monitor none`;
    await run(
      GDB,
      [
        '-nx',
        '-batch',
        '-iex',
        'set debuginfod enabled off',
        '-iex',
        'set auto-load off',
        '-x',
        SCRIPT,
        program.elf,
      ],
      {
        timeout: 300_000,
        maxBuffer: 1 << 26,
        env: {
          ...process.env,
          JUDGE_HITS: String(HITS),
          JUDGE_SOURCES: sourcePaths.join(':'),
          JUDGE_OUTPUT: unfinished,
          JUDGE_QEMU: `${QEMU} ${machine} -S -gdb stdio`,
        },
      },
    );
    if (linesOf(unfinished).at(-1) !== '{"end": true}')
      throw new Error(`GDB's answer ends early: ${unfinished}`);
    renameSync(unfinished, output);
  }
  const lines = linesOf(output);
  return lines.slice(1, -1).map(parseStop);
}

const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

function parseStop(line: string): JudgedStop {
  const raw = JSON.parse(line) as RawStop;
  return {
    pc: BigInt(raw.pc),
    registers: raw.x.map(([index, value]) => [index, BigInt(value)]),
    frames: raw.frames.map((frame) => ({
      ...frame,
      pc: BigInt(frame.pc),
      blocks: frame.blocks.map(({ start, end, variables }) => ({
        start: BigInt(start),
        end: BigInt(end),
        variables: variables.map(parseVariable),
      })),
    })),
    globals: raw.globals?.map(parseVariable),
  };
}

const parseVariable = ([name, isParameter, byteSize, tree]: RawVariable): JudgedVariable => ({
  name,
  isParameter,
  byteSize,
  tree,
});
