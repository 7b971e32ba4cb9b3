/** dist/adapter.js: the debug adapter as VS Code starts it, over stdin and stdout. */
import { serveStreams } from '../host/adapter';

void serveStreams(process.stdin, process.stdout).then(() => process.exit(0));
