/** GDB with QEMU as a judge of stepping and of expressions: the same program, the same commands, and what it says. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const QEMU =
  'qemu-system-riscv64 -M virt -bios none -display none -serial none -monitor none -S -gdb stdio -kernel';

/** The program stands at reset when the commands begin. Lines of what they print that begin with the mark, without it. */
export async function gdbOnQemu(
  program: string,
  commands: readonly string[],
  mark: string,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gdb-'));
  try {
    const script = join(folder, 'commands');
    const begin = ['set pagination off', 'set confirm off', `target remote | exec ${QEMU} '${program}'`];
    // QEMU may be gone before it has said so.
    const end = ['python', 'try: gdb.execute("kill")', 'except gdb.error: pass', 'end'];
    writeFileSync(script, [...begin, ...commands, ...end].join('\n'));
    const run = promisify(execFile);
    const { stdout } = await run('gdb-multiarch', ['-q', '-nx', '-batch', '-x', script, program], {
      timeout: 50_000,
    });
    return stdout.split('\n').flatMap((line) => (line.startsWith(mark) ? [line.slice(mark.length)] : []));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs to a function, then the commands; answers `function:line` after each. */
export const stepsOfGdb = (program: string, from: string, commands: readonly string[]): Promise<string[]> =>
  gdbOnQemu(
    program,
    [
      `tbreak ${from}`,
      'continue',
      ...commands.flatMap((command) => [
        command,
        'python print("AT %s:%d" % (gdb.selected_frame().name(), gdb.selected_frame().find_sal().line))',
      ]),
    ],
    'AT ',
  );
