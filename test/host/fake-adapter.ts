/** An adapter process over the fake machine: `node --import tsx fake-adapter.ts`. */
import { NodeClock } from '../../src/host/node-session';
import { serveStdio } from '../../src/host/dap-stdio';
import { FakeDebuggee } from '../dap/fake-debuggee';
import { demo } from '../dap/support';

void serveStdio(async () => {
  const program = demo();
  // Must not get among the messages.
  console.log('opening the guest');
  return {
    debuggee: new FakeDebuggee(program, new NodeClock()),
    symbols: program.symbols,
    programPath: '/src/demo.elf',
  };
});
