/** dist/cli.js, the command `chronovisor`: run, checkpoint, dap, bench. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, UserError, userError } from '../base/errors';
import { listen, serveStreams } from '../host/adapter';
import { checkpoint, parseCheckpoint } from './checkpoint';
import { parseRun, usage } from './options';
import { run } from './run';

const HELP = `chronovisor: a RISC-V machine that can be debugged forwards and backwards

usage:
  chronovisor run [options] PROGRAM     run a guest (ELF, Linux Image or raw binary) in this terminal
  chronovisor checkpoint VERB STORE ... look after saved checkpoints
  chronovisor dap [--port N]            debug adapter on stdin/stdout, or on 127.0.0.1:N
  chronovisor bench [NAME] [--json]     measure; docs/performance.md explains the figures

options of run:
  --firmware builtin|none|FILE          SBI of our own, none (start in M-mode), or a file such as OpenSBI (builtin)
  --memory SIZE                         16M to 2G (128M)
  --harts N                             1 to 8 (1)
  --disk FILE[,format=raw|qcow2][,slot=N][,readonly]
                                        a virtio disk; writes go to memory, never to the file; repeatable
  --append ARGS                         kernel command line
  --initrd FILE                         initial RAM disk
  --type 'AFTER=TEXT'                   once the console has shown AFTER, type TEXT; repeatable, in order
                                        (\\n, \\t, \\xNN are understood; AFTER may be empty)
  --exit-on TEXT                        end when the console has shown TEXT
  --max-instructions N                  end after N instructions (exit code 124)
  --idle skip|wait                      while the guest sleeps: skip to its next timer, or wait as long (skip)
  --virtio modern|legacy                version of the virtio-mmio transport: 2 or 1 (modern)
  --save-disks-on-exit NAME             keep a snapshot of the disks alone at the end, in the --store
  --disks-from NAME                     begin with power-on, with the disks of a saved checkpoint or snapshot
  --store DIR                           where checkpoints are saved: a folder, a .cvstore file, or a block device
  --store-max SIZE                      the store's space budget
  --checkpoint-at N[,N...]              live checkpoints at these instructions; the guest runs on while they are saved
  --save-on-exit NAME                   a checkpoint at the end of the run
  --from NAME|ID|FILE                   begin at a checkpoint of the store, or of an exported file; without PROGRAM
                                        the guest is the checkpoint's (--disk says where an image is now)
  --relocate OLD=NEW                    a disk image that a checkpoint needs has moved, backing files too; repeatable
  --snapshot                            what the guest writes to its disks is forgotten: nothing is saved
  --json                                a last line with stop, exitCode, instructions, stateHash, seconds, mips,
                                        and the checkpoints that were saved

The exit code is the guest's own. In a terminal Ctrl-A X ends the run.

verbs of checkpoint; STORE is a store's folder, file or device, or an exported file; ID is an id or a name:
  list STORE                            all checkpoints
  show STORE ID                         one: guest, harts, disks, console, sizes
  diff STORE ID ID [--pages]            registers, devices, pages and disk blocks that differ; --pages lists them
  verify STORE [ID...]                  read all of them and check each page; exit code 1 when one is damaged
  export STORE ID FILE                  one checkpoint as a file, for another machine
  import STORE FILE                     take over the checkpoints of such a file, or of another store
  delete STORE ID...                    delete, and free their space
  commit STORE ID                       merge a checkpoint's disk layer into what is underneath
  Each with --json: one line, described in docs/checkpoints.md.
`;

function dapArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { port: { type: 'string' } } });
  } catch (error) {
    throw usage(`dap: ${messageOf(error)}`);
  }
}

async function dap(args: readonly string[]): Promise<number> {
  const { values } = dapArguments(args);
  if (values.port === undefined) {
    // A stray print would break the protocol on stdout.
    console.log = console.error;
    await serveStreams(process.stdin, process.stdout);
    return 0;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw userError('USAGE', `dap: --port ${values.port} is no port number`);
  }
  const server = await listen(port);
  const address = server.address();
  const actual = typeof address === 'object' && address ? address.port : port;
  process.stdout.write(`listening on 127.0.0.1:${actual}\n`);
  return new Promise((resolve) => {
    server.once('close', () => {
      resolve(0);
    });
  });
}

/** The benchmarks are a program of their own: they need the repository. */
function bench(args: readonly string[]): number {
  const script = join(__dirname, 'bench.js');
  if (!existsSync(script)) {
    throw userError(
      'BENCH_MISSING',
      'The benchmarks come with the repository only: run npm run build there.',
    );
  }
  return spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status ?? 1;
}

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'run':
      if (rest.includes('--help')) break;
      return run(parseRun(rest));
    case 'checkpoint':
      if (rest.includes('--help')) break;
      return checkpoint(parseCheckpoint(rest));
    case 'dap':
      return dap(rest);
    case 'bench':
      return bench(rest);
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      break;
    default:
      throw userError('USAGE', `there is no command "${command}" (chronovisor --help shows them)`);
  }
  process.stdout.write(HELP);
  return command === undefined ? 2 : 0;
}

/** 128 + SIGPIPE, as shells have it. */
const BROKEN_PIPE_EXIT_CODE = 141;

// Who reads our output may stop doing so (`| head`): that ends the run, and is no failure to be told.
process.stdout.on('error', () => process.exit(BROKEN_PIPE_EXIT_CODE));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    // A worker or a socket of ours may still be open; output is flushed by then.
    process.stdout.write('', () => process.exit(code));
  },
  (error: unknown) => {
    const code = error instanceof UserError ? `${error.code}: ` : '';
    process.stderr.write(`chronovisor: ${code}${messageOf(error)}\n`);
    if (!(error instanceof UserError) && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = error instanceof UserError && error.code === 'USAGE' ? 2 : 1;
  },
);
