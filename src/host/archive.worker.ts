/** The thread that owns the checkpoint stores of this process: hands messages to ArchiveService, and its answers back. */
import { parentPort, workerData } from 'node:worker_threads';
import { defined, unreachable } from '../base/errors';
import {
  HEART_ENDED,
  packError,
  type CallMessage,
  type CallName,
  type FromThread,
  type SentError,
  type ToThread,
} from './archive-protocol';
import { ArchiveService } from './archive-service';

/** How often the client can see that this thread is alive, ms. */
const BEAT_MS = 100;

const port = defined(parentPort, 'this runs as a worker thread');
const heart = new Int32Array(workerData as SharedArrayBuffer);

const send = (message: FromThread): void => port.postMessage(message);

const service = new ArchiveService({
  progress: (save, progress) => send({ kind: 'progress', save, progress }),
  pull: (save, disk, from) => send({ kind: 'pull', save, disk, from }),
});

/** The same without the connection between a name and its arguments, which a message has lost. */
const methods = service as unknown as Record<CallName, (...args: readonly unknown[]) => Promise<unknown>>;

async function call({ call: number, name, args }: CallMessage): Promise<void> {
  try {
    const value = await methods[name](...args);
    send({ kind: 'result', call: number, value });
  } catch (error) {
    const packed: SentError = packError(error);
    send({ kind: 'error', call: number, error: packed });
  }
}

port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'call':
      return void call(message);
    case 'fill':
      return void service.fill(message);
    case 'cancel':
      return service.cancel(message.save);
    case 'hurry':
      return service.hurry(message.save);
    case 'blocks':
      return service.blocks(message.save, message.blocks);
    default:
      return unreachable(message);
  }
});

setInterval(() => Atomics.add(heart, 0, 1), BEAT_MS).unref();
process.on('exit', () => {
  Atomics.store(heart, 0, HEART_ENDED);
});
