/** Runs the command line as a process of its own, bundled once for the tests from the present sources. */
import { build } from 'esbuild';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble, type Assembled } from '../support/assembler';
import { EPILOGUE, RAM } from '../support/bare-guest';
import { buildElf, type ElfOptions } from '../support/elf-builder';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Report {
  readonly stop: string;
  readonly exitCode: number;
  readonly instructions: number;
  readonly stateHash: string;
  readonly seconds: number;
  readonly mips: number;
}

export class CommandLine {
  private readonly folder = mkdtempSync(join(tmpdir(), 'chronovisor-cli-'));
  readonly bundle = join(this.folder, 'cli.js');

  async build(): Promise<void> {
    await build({
      // The thread of the stores is a file of its own, as in the product.
      entryPoints: {
        cli: join(__dirname, '../../src/cli/main.ts'),
        'archive.worker': join(__dirname, '../../src/host/archive.worker.ts'),
      },
      outdir: this.folder,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      logLevel: 'error',
    });
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  file(name: string, contents: string | Uint8Array): string {
    writeFileSync(this.path(name), contents);
    return this.path(name);
  }

  /** A bare-metal program in assembly as an ELF file; all labels are symbols. */
  program(name: string, source: string, options: Partial<ElfOptions> = {}): string {
    const assembled: Assembled = assemble(source + EPILOGUE, RAM);
    const { bytes, labels } = assembled;
    const segments = [{ address: RAM, bytes }];
    return this.file(name, buildElf({ entry: RAM, segments, symbols: labels, ...options }));
  }

  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [this.bundle, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  }

  run(...args: string[]): Promise<Outcome> {
    const child = this.start(...args);
    child.stdin?.end();
    return outcomeOf(child);
  }

  /** `run --json`, and its last line. */
  async json(...args: string[]): Promise<Outcome & { readonly report: Report; readonly shown: string }> {
    const outcome = await this.run('run', '--json', ...args);
    const lines = outcome.stdout.trimEnd().split('\n');
    const last = lines.pop() ?? '';
    return { ...outcome, report: JSON.parse(last) as Report, shown: lines.join('\n') };
  }
}

export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString('latin1')));
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
