/** Pipes for DapClient: an adapter behind a stream of bytes, or in a process of its own. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { encodeMessage, MessageReader } from '../../src/dap/framing';
import { DapClient } from './dap-client';

export function clientOfStreams(output: Readable, input: Writable): DapClient {
  return new DapClient({
    send: (message) => input.write(encodeMessage(message)),
    listen: (listener) => {
      const reader = new MessageReader(
        (message) => listener(message as DebugProtocol.ProtocolMessage),
        (error) => {
          throw error;
        },
      );
      output.on('data', (bytes: Uint8Array) => reader.push(bytes));
    },
  });
}

export interface AdapterProcess {
  readonly client: DapClient;
  readonly child: ChildProcessWithoutNullStreams;
  /** Exit code; null when it was killed. */
  readonly exited: Promise<number | null>;
}

/** Starts an adapter with Node. What it says on standard error is passed on. */
export function startAdapter(...args: string[]): AdapterProcess {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stderr.on('data', (bytes: Uint8Array) => process.stderr.write(bytes));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { client: clientOfStreams(child.stdout, child.stdin), child, exited };
}
