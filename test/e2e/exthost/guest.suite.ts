/** Runs inside the extension host, beside the packaged extension: what it does with configurations and sessions. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { parseCheckpointTree, parseTimeline, REQUEST } from '../../../src/protocol';

const folder = vscode.workspace.workspaceFolders?.[0];
const at = (name: string): string => join(folder?.uri.fsPath ?? '', name);

type DapMessage = { readonly type?: unknown; readonly event?: unknown };

/** Starts, and comes back with the session once its adapter has sent this event. */
async function start(
  configuration: Partial<vscode.DebugConfiguration>,
  event: string,
): Promise<vscode.DebugSession> {
  let tracker: vscode.Disposable | undefined;
  const seen = new Promise<vscode.DebugSession>((resolve) => {
    tracker = vscode.debug.registerDebugAdapterTrackerFactory('chronovisor', {
      createDebugAdapterTracker: (session) => ({
        onDidSendMessage: (message: DapMessage) => {
          if (message.type === 'event' && message.event === event) resolve(session);
        },
      }),
    });
  });
  const launch = { type: 'chronovisor', request: 'launch', name: 'test', ...configuration };
  assert.equal(await vscode.debug.startDebugging(folder, launch), true);
  const session = await seen;
  tracker?.dispose();
  return session;
}

async function stop(): Promise<void> {
  if (!vscode.debug.activeDebugSession) return;
  const ended = once(vscode.debug.onDidTerminateDebugSession);
  await vscode.debug.stopDebugging();
  await ended;
}

const once = <T>(event: vscode.Event<T>): Promise<T> =>
  new Promise((resolve) => {
    const subscription = event((value) => {
      subscription.dispose();
      resolve(value);
    });
  });

/** Waits until there are so many guest consoles: terminals are closed by and by. */
async function consoles(count: number): Promise<void> {
  const names = (): string[] => vscode.window.terminals.map(({ name }) => name);
  while (names().filter((name) => name.startsWith('Guest Console')).length !== count) {
    await Promise.race([once(vscode.window.onDidCloseTerminal), once(vscode.window.onDidOpenTerminal)]);
  }
}

const bare = {
  firmware: 'none',
  memory: '16M',
  stopOnEntry: true,
  sourceMap: { '/guest': '${workspaceFolder}' },
};

describe('inside the extension host', () => {
  afterEach(stop);

  it('takes assembly files for RISC-V', async () => {
    const document = await vscode.workspace.openTextDocument(at('start.S'));
    assert.equal(document.languageId, 'riscv-asm');
  });

  it('debugs the only program of the workspace when the configuration names none', async () => {
    const session = await start(bare, 'stopped');
    assert.equal(session.configuration['program'], at('guest.elf'));
    assert.equal(session.configuration['cwd'], folder?.uri.fsPath);
  });

  it('takes a relative program for one of the workspace folder, and stops in its source', async () => {
    const source = await vscode.workspace.openTextDocument(at('guest.c'));
    const { line } = source.positionAt(source.getText().indexOf('#BP2'));
    const breakpoint = new vscode.SourceBreakpoint(
      new vscode.Location(source.uri, new vscode.Position(line, 0)),
    );
    vscode.debug.addBreakpoints([breakpoint]);
    const session = await start({ ...bare, stopOnEntry: false, program: 'guest.elf' }, 'stopped');
    vscode.debug.removeBreakpoints([breakpoint]);
    const { stackFrames } = (await session.customRequest('stackTrace', { threadId: 1 })) as {
      stackFrames: { source?: { path?: string }; line: number }[];
    };
    const [top] = stackFrames;
    // A VS Code that runs remotely, as in a browser, makes a URI of it.
    assert.ok(top?.source?.path?.endsWith(at('guest.c')), top?.source?.path);
    assert.equal(top?.line, line + 1);
  });

  it('makes a checkpoint by command, and leaves the answer of the adapter in the protocol', async () => {
    const session = await start({ ...bare, program: at('guest.elf') }, 'stopped');
    const id = await vscode.commands.executeCommand('chronovisor.takeCheckpoint', 'by command');
    const tree = parseCheckpointTree(await session.customRequest(REQUEST.checkpoints, {}));
    const node = tree.nodes.find((each) => each.id === id);
    assert.equal(node?.name, 'by command');
    assert.equal(node.instret, tree.current.instret);
    const timeline = parseTimeline(await session.customRequest(REQUEST.timeline, {}));
    assert.equal(timeline.now, tree.current.instret);
    assert.ok(timeline.checkpoints.some((mark) => mark.id === id));
  });

  it('opens a terminal for the guest, in place of that of a session that is over', async () => {
    const session = await start({ ...bare, program: at('guest.elf') }, 'stopped');
    await consoles(1);
    await stop();
    await consoles(1);
    assert.notEqual((await start({ ...bare, program: at('guest.elf') }, 'stopped')).id, session.id);
    await consoles(1);
  });

  it('opens no terminal when the console is to be the debug console', async () => {
    for (const terminal of vscode.window.terminals) terminal.dispose();
    await consoles(0);
    await start({ ...bare, program: at('guest.elf'), console: 'debugConsole' }, 'stopped');
    await consoles(0);
  });
});
