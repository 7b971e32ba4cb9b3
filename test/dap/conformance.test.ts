/**
 * Whatever a client sends, and whenever: each request gets exactly one response, and the session goes on. Every request of
 * the protocol is sent with good, bad and random arguments in each phase of a session; so are messages that are none. Answers
 * and events are judged by the protocol's published types.
 */
import type { DebugProtocol } from '@vscode/debugprotocol';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capabilities } from '../../src/dap/capabilities';
import { encodeMessage, MessageReader, serve } from '../../src/dap/framing';
import { encodeGuest, REQUEST } from '../../src/protocol';
import { storeIo } from '../../src/checkpoint/store/errors';
import { Emitter } from '../../src/base/events';
import { DapClient } from '../support/dap-client';
import { DapSchema } from '../support/dap-schema';
import { op, ProgramBuilder, reg } from './program';
import { bareSession, fixture, GUEST, LAUNCH, MAIN, type Fixture } from './support';

/** Every request of the protocol that a client sends, with arguments that could be right. */
const REQUESTS: Readonly<Record<string, object | undefined>> = {
  cancel: { requestId: 1 },
  initialize: { adapterID: 'chronovisor' },
  configurationDone: {},
  launch: LAUNCH,
  attach: {},
  restart: {},
  disconnect: {},
  terminate: {},
  breakpointLocations: { source: { path: MAIN }, line: 1 },
  setBreakpoints: { source: { path: MAIN }, breakpoints: [{ line: 1, condition: '$a0 == 77' }] },
  setFunctionBreakpoints: { breakpoints: [] },
  setExceptionBreakpoints: { filters: [] },
  dataBreakpointInfo: { name: '&main' },
  setDataBreakpoints: { breakpoints: [] },
  setInstructionBreakpoints: { breakpoints: [{ instructionReference: '0x10' }] },
  continue: { threadId: 1 },
  next: { threadId: 1 },
  stepIn: { threadId: 1 },
  stepOut: { threadId: 1 },
  stepBack: { threadId: 1 },
  reverseContinue: { threadId: 1 },
  restartFrame: { frameId: 1 },
  goto: { threadId: 1, targetId: 1 },
  pause: { threadId: 1 },
  stackTrace: { threadId: 1 },
  scopes: { frameId: 1 },
  variables: { variablesReference: 1 },
  setVariable: { variablesReference: 1, name: 'a0', value: '1' },
  source: { source: { path: MAIN }, sourceReference: 0 },
  threads: undefined,
  terminateThreads: { threadIds: [1] },
  modules: {},
  loadedSources: {},
  evaluate: { expression: '$a0', context: 'watch' },
  setExpression: { expression: '$a0', value: '1' },
  stepInTargets: { frameId: 1 },
  gotoTargets: { source: { path: MAIN }, line: 1 },
  completions: { text: '$a', column: 3 },
  exceptionInfo: { threadId: 1 },
  readMemory: { memoryReference: '0x40000000', count: 4 },
  writeMemory: { memoryReference: '0x40001000', data: 'AAAA' },
  disassemble: { memoryReference: '0x40000000', instructionCount: 2 },
  locations: { locationReference: 1 },
  [REQUEST.checkpoints]: {},
  [REQUEST.takeCheckpoint]: {},
  [REQUEST.restoreCheckpoint]: { id: 'c1' },
  [REQUEST.renameCheckpoint]: { id: 'c1', name: 'x' },
  [REQUEST.deleteCheckpoint]: { id: 'c1' },
  [REQUEST.saveCheckpoint]: { id: 'c1', name: 'x', notes: 'y' },
  [REQUEST.cancelSave]: { id: 'c1' },
  [REQUEST.savedCheckpoints]: {},
  [REQUEST.loadSaved]: { id: '1' },
  [REQUEST.updateSaved]: { id: '1', name: 'x', notes: 'y' },
  [REQUEST.deleteSaved]: { id: '1' },
  [REQUEST.exportCheckpoint]: { id: '1', path: '/nowhere/x.cvstore' },
  [REQUEST.seek]: { instret: 0 },
  [REQUEST.timeline]: {},
  [REQUEST.consoleInput]: { text: 'AAAA' },
  [REQUEST.consoleHistory]: {},
  unheardOf: {},
};

/** Wrong in every way: no arguments, other shapes, and each field of another type. */
function* badArguments(good: object | undefined): Generator {
  yield undefined;
  yield null;
  yield [];
  yield 'text';
  yield 7;
  for (const key of Object.keys(good ?? {})) {
    for (const value of [null, -1, 1.5, 1e300, 'x', '', [], [null], [{}], {}, { path: 3 }, true]) {
      yield { ...good, [key]: value };
    }
  }
}

const program = () => {
  const { s1 } = reg;
  return new ProgramBuilder()
    .func('main', MAIN)
    .line(1)
    .label('loop')
    .emit(op.addi(s1, s1, 1))
    .jump('loop')
    .build();
};

/** A session in each phase, with and without a store. */
const PHASES: Readonly<Record<string, () => Promise<Fixture>>> = {
  'stopped, with a checkpoint that is being saved': async () => {
    const f = fixture(program());
    f.archive.put({ guest: encodeGuest(GUEST) });
    f.archive.isHolding = true;
    await f.client.startStopped(LAUNCH);
    const { id } = await f.client.request<{ id: string }>(REQUEST.takeCheckpoint);
    void f.client.raw(REQUEST.saveCheckpoint, { id });
    return f;
  },
  'stopped, without a store': async () => {
    const f = fixture(program(), { hasStore: false });
    await f.client.startStopped(LAUNCH);
    await f.client.request(REQUEST.takeCheckpoint);
    return f;
  },
  'stopped, with a store that cannot be read': async () => {
    const f = fixture(program());
    for (const call of ['list', 'load', 'save', 'update', 'delete', 'exportTo']) {
      f.archive.failures.set(call, storeIo(new Error('the medium is gone')));
    }
    await f.client.startStopped(LAUNCH);
    await f.client.request(REQUEST.takeCheckpoint);
    return f;
  },
  fresh: async () => fixture(program()),
  initialized: async () => {
    const f = fixture(program());
    await f.client.request('initialize', { adapterID: 'x' });
    return f;
  },
  configuring: async () => {
    const f = fixture(program());
    await f.client.launch(LAUNCH);
    return f;
  },
  stopped: async () => {
    const f = fixture(program());
    await f.client.startStopped(LAUNCH);
    return f;
  },
  running: async () => {
    const f = fixture(program());
    await f.client.launch(LAUNCH);
    await f.client.request('configurationDone');
    return f;
  },
  ended: async () => {
    const f = fixture(program());
    await f.client.startStopped(LAUNCH);
    await f.client.request('terminate');
    return f;
  },
};

const schema = new DapSchema();

/** Everything that the adapter has sent is valid. */
function judge({ client }: Fixture): void {
  for (const message of client.received) {
    assert.deepEqual(schema.messageProblems(message), [], JSON.stringify(message).slice(0, 400));
  }
}

/** The same numbers each time (mulberry32). */
const seeded = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};
const RANDOM_ROUNDS = 4;

/** After a moment for events that might come too late; DapClient itself refuses second responses. */
async function settle({ client }: Fixture): Promise<void> {
  await client.raw('cancel', {});
  await client.raw('pause', { threadId: 1 });
  await client.raw('disconnect');
}

const looksRight = (response: DebugProtocol.Response): void => {
  if (response.success) return;
  const { error } = response.body as DebugProtocol.ErrorResponse['body'];
  assert.notEqual(
    error?.variables?.['code'],
    'INTERNAL_ERROR',
    `${response.command}: ${error?.variables?.['text'] ?? ''}`,
  );
  assert.match(error?.variables?.['code'] ?? '', /^[A-Z0-9_]+$/u);
  assert.equal(typeof error?.id, 'number');
};

describe('dap: every request, whenever it comes', () => {
  for (const [phase, make] of Object.entries(PHASES)) {
    it(`is answered once: ${phase}`, async () => {
      for (const [command, good] of Object.entries(REQUESTS)) {
        const f = await make();
        looksRight(await f.client.raw(command, good));
        await settle(f);
        judge(f);
      }
    });

    it(`is answered once, with random arguments: ${phase}`, async () => {
      const random = seeded(phase.length);
      for (const command of schema.commands) {
        if (command === 'disconnect' || command === 'terminate') continue;
        const f = await make();
        for (let round = 0; round < RANDOM_ROUNDS; round++) {
          looksRight(await f.client.raw(command, schema.randomArguments(command, random)));
        }
        await settle(f);
        judge(f);
      }
    });

    it(`is answered once, whatever its arguments are: ${phase}`, async () => {
      for (const [command, good] of Object.entries(REQUESTS)) {
        if (command === 'disconnect' || command === 'terminate') continue;
        const f = await make();
        for (const bad of badArguments(good)) looksRight(await f.client.raw(command, bad));
        await settle(f);
        judge(f);
      }
    });
  }

  it('is answered once when all come at the same time', async () => {
    for (const make of Object.values(PHASES)) {
      const f = await make();
      const commands = Object.entries(REQUESTS).filter(([command]) => command !== 'disconnect');
      const responses = await Promise.all(commands.map(([command, args]) => f.client.raw(command, args)));
      for (const response of responses) looksRight(response);
      await settle(f);
    }
  });

  it('are all requests of the protocol, with arguments that are right', () => {
    for (const command of schema.commands) assert(command in REQUESTS, command);
    for (const [command, good] of Object.entries(REQUESTS)) {
      assert.deepEqual(schema.argumentProblems(command, good), [], command);
    }
    assert(schema.argumentProblems('next', { threadId: 'x' }).length > 0, 'the judge sees what is wrong');
    assert(schema.argumentProblems('setBreakpoints', { source: {}, breakpoints: [{}] }).length > 0);
    assert(schema.messageProblems({ type: 'event' }).length > 0);
  });

  it('knows no request that is not in this list', () => {
    for (const command of fixture(program()).session.commands) assert(command in REQUESTS, command);
  });

  it('says in docs/dap.md what it can, and why not', () => {
    const told = new Map<string, string[]>();
    for (const line of readFileSync(join(__dirname, '../../docs/dap.md'), 'utf8').split('\n')) {
      const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim());
      if (/^support|^additional|^breakpointModes|^exceptionBreakpointFilters/u.test(name))
        told.set(name, cells);
    }
    for (const name of schema.fieldsOf('Capabilities')) {
      if (name === 'completionTriggerCharacters') continue;
      const row = told.get(name) ?? assert.fail(`${name} has no row`);
      assert.equal(row[0], name in capabilities ? '◆' : '–', name);
      assert.equal((row[6] ?? '') !== '', !(name in capabilities), `${name}: why not`);
    }
  });

  it('ignores what is no request', () => {
    const { session } = fixture(program());
    const seen: unknown[] = [];
    session.onMessage((message) => seen.push(message));
    for (const message of [null, 3, 'x', [], {}, { type: 'response', seq: 1 }, { type: 'event' }]) {
      session.handleMessage(message);
    }
    assert(seen.every((one) => (one as { event?: string }).event === 'output'));
  });
});

describe('dap: framing', () => {
  const read = (...pieces: Uint8Array[]): { messages: unknown[]; damage: string[] } => {
    const messages: unknown[] = [];
    const damage: string[] = [];
    const reader = new MessageReader(
      (message) => messages.push(message),
      (error) => damage.push(error.code),
    );
    for (const piece of pieces) reader.push(piece);
    return { messages, damage };
  };
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);

  it('puts messages together from pieces of any size', () => {
    const bytes = Buffer.concat([encodeMessage({ a: 'größer' }), encodeMessage({ b: 2 })]);
    for (const size of [1, 3, 7, bytes.length]) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      assert.deepEqual(read(...pieces), { messages: [{ a: 'größer' }, { b: 2 }], damage: [] });
    }
  });

  it('goes on after damage', () => {
    const good = encodeMessage({ ok: true });
    const broken = text('Content-Length: 3\r\n\r\n{x}');
    assert.deepEqual(read(broken, good), { messages: [{ ok: true }], damage: ['DAP_JSON'] });
    assert.deepEqual(read(text('Hello: 1\r\n\r\n'), good), {
      messages: [{ ok: true }],
      damage: ['DAP_HEADER'],
    });
    assert.deepEqual(read(text('Content-Length: 99999999999\r\n\r\n'), good).damage, ['DAP_HEADER']);
    assert.deepEqual(read(text('x'.repeat(9000)), good), {
      messages: [{ ok: true }],
      damage: ['DAP_HEADER'],
    });
    assert.deepEqual(read(text('content-length:2\r\nX: y\r\n\r\n{}')), { messages: [{}], damage: [] });
  });

  it('carries a session', async () => {
    const f = bareSession(program());
    const incoming = new Emitter<Uint8Array>();
    const outgoing = new Emitter<Uint8Array>();
    serve(f.session, { onData: incoming.event, write: (bytes) => outgoing.fire(bytes) });
    const client = new DapClient({
      send: (message) => incoming.fire(encodeMessage(message)),
      listen: (listener) => {
        const reader = new MessageReader(
          (message) => listener(message as DebugProtocol.ProtocolMessage),
          (error) => assert.fail(error.message),
        );
        outgoing.event((bytes) => reader.push(bytes));
      },
    });
    await client.startStopped(LAUNCH);
    assert.equal(await client.where(), 'main:1');
    incoming.fire(text('nonsense\r\n\r\n'));
    await client.event('output');
    await client.request('disconnect');
  });
});
