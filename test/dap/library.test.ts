/** The framing, judged by the protocol library of VS Code's own adapters: it plays the client of our adapter. */
import { ProtocolServer } from '@vscode/debugadapter/lib/protocol';
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { serveStreams } from '../../src/host/adapter';
import type { DebugProtocol } from '@vscode/debugprotocol';

describe('dap: spoken with @vscode/debugadapter', () => {
  it('is understood in both directions', async () => {
    const toAdapter = new PassThrough();
    const fromAdapter = new PassThrough();
    const served = serveStreams(toAdapter, fromAdapter);
    const client = new ProtocolServer();
    client.start(fromAdapter, toAdapter);
    const ask = (command: string, args: object): Promise<DebugProtocol.Response> =>
      new Promise((resolve) => {
        client.sendRequest(command, args, 20_000, resolve);
      });
    const initialized = await ask('initialize', { adapterID: 'chronovisor' });
    assert.equal(initialized.success, true);
    const { supportsStepBack } = initialized.body as DebugProtocol.Capabilities;
    assert.equal(supportsStepBack, true);
    // More than one byte a character, in both directions.
    const refused = await ask('launch', { program: 'nirgends/wö–é.elf' });
    assert.equal(refused.success, false);
    assert.match(JSON.stringify(refused.body), /wö–é\.elf/u);
    const ended = await ask('disconnect', {});
    assert.equal(ended.success, true);
    await served;
  });
});
