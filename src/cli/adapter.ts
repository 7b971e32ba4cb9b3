/** dist/adapter.js: the debug adapter as VS Code starts it, over stdin and stdout. */
import { serveStreams } from '../host/adapter';

// A stray print would break the protocol on stdout.
console.log = console.error;

// VS Code's way of ending an adapter that takes its time: the session ends as if its client were gone.
process.once('SIGTERM', () => process.stdin.destroy());

void serveStreams(process.stdin, process.stdout).then(() => process.exit(0));
