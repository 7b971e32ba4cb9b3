/** dist/adapter.js: the debug adapter as VS Code starts it, over stdin and stdout. */
import { serveStreams } from '../host/adapter';

// A stray print would break the protocol on stdout.
console.log = console.error;

void serveStreams(process.stdin, process.stdout).then(() => process.exit(0));
