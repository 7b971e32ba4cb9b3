/** An adapter process over the fake machine: `node --import tsx fake-adapter.ts`. */
import { serveStreams } from '../../src/host/adapter';
import { bareSession, demo } from '../dap/support';

void serveStreams(process.stdin, process.stdout, bareSession(demo()).session).then(() => process.exit(0));
