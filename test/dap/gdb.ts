/** GDB with QEMU as a judge of stepping: the same program, the same commands, where each of them ends. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs to a function, then the commands; answers `function:line` after each. */
export async function stepsOfGdb(
  program: string,
  from: string,
  commands: readonly string[],
): Promise<string[]> {
  const port = await freePort();
  const machine = ['-M', 'virt', '-bios', 'none', '-display', 'none', '-serial', 'null', '-monitor', 'none'];
  const qemu = spawn(
    'qemu-system-riscv64',
    [...machine, '-kernel', program, '-S', '-gdb', `tcp:127.0.0.1:${port}`],
    {
      stdio: 'ignore',
    },
  );
  try {
    const script = join(mkdtempSync(join(tmpdir(), 'gdb-')), 'commands');
    writeFileSync(
      script,
      [
        'set pagination off',
        'set confirm off',
        'set tcp connect-timeout 20',
        `target remote 127.0.0.1:${port}`,
        `tbreak ${from}`,
        'continue',
        ...commands.flatMap((command) => [
          command,
          'python print("AT %s:%d" % (gdb.selected_frame().name(), gdb.selected_frame().find_sal().line))',
        ]),
        'disconnect',
      ].join('\n'),
    );
    const run = promisify(execFile);
    const { stdout } = await run('gdb-multiarch', ['-q', '-nx', '-batch', '-x', script, program], {
      timeout: 30_000,
    });
    return stdout.split('\n').flatMap((line) => (line.startsWith('AT ') ? [line.slice(3)] : []));
  } finally {
    qemu.kill();
  }
}
