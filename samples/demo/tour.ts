/** The demo, step by step. Each step says what it does, does it, checks it, and shows what the debug adapter answered. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeBase64, type CheckpointTree, type ConsoleHistory, type Timeline } from '../../src/protocol';
import { Client } from './client';
import { grouped, registerLines, sourceLines, stackLine, treeLines, wrapped, type Style } from './show';

/** A line that is only printed if what it says is true. */
function expect(condition: boolean, expectation: string): asserts condition {
  if (!condition) throw new Error(`expected: ${expectation}`);
}

/** Requests that only look are no news. */
const LOOKS: ReadonlySet<string> = new Set([
  'stackTrace',
  'evaluate',
  'scopes',
  'variables',
  'chronovisor/timeline',
  'chronovisor/checkpoints',
  'chronovisor/consoleHistory',
]);

class Tour {
  private readonly client = new Client();
  private readonly elf: string;
  private readonly file: string;
  private source = '';
  private step = 0;
  private consoleShown = 0;
  /** Of the checkpoints, by their names. */
  private readonly ids = new Map<string, string>();
  private readonly states = new Map<string, string>();

  constructor(
    folder: string,
    private readonly print: (line: string) => void,
    private readonly style: Style,
    private readonly now: () => number,
  ) {
    this.elf = join(folder, 'bank.elf');
    this.file = join(folder, 'bank.c');
  }

  async run(): Promise<void> {
    const started = this.now();
    const { style } = this;
    this.source = await readFile(this.file, 'utf8');
    this.print(style.bold('Chronovisor: a RISC-V guest, debugged forwards and backwards'));
    this.print('The guest is samples/demo/bank.elf, bare metal in M-mode: a bank that loses its gold.');
    await this.title("Power on, and stop at the program's first instruction", () => this.powerOn());
    await this.title('Run to a breakpoint, in an interrupt handler', () => this.firstBell());
    await this.title('Take a checkpoint', () => this.checkpoint('first bell'));
    await this.title('Step over a line, and step back', () => this.stepAndBack());
    await this.title('Run on: the guest finds out that it has a bug', () => this.panic());
    await this.title('Run backwards to the line that corrupted the vault', () => this.culprit());
    await this.title('Restore the first checkpoint, and run to where the bug will strike', () =>
      this.again(),
    );
    await this.title('Change the past, and run the new branch to a good end', () => this.otherBranch());
    await this.title('The tree of checkpoints: nothing was lost', () => this.tree());
    await this.client.request('disconnect');
    this.print('');
    this.print(style.dim(`All of this took ${((this.now() - started) / 1000).toFixed(1)} s.`));
  }

  // --- steps

  private async powerOn(): Promise<string[]> {
    const { client } = this;
    await client.request('initialize', { adapterID: 'chronovisor' });
    const program = { program: this.elf, firmware: 'none', memory: '16M', idle: 'skip' };
    await client.request('launch', { ...program, stopOnEntry: true });
    const { reason } = await client.move('configurationDone');
    expect(reason === 'entry', `a stop at the entry, not "${reason}"`);
    const { name, instructionPointerReference: pc } = await client.top();
    return [`stopped at ${pc ?? '?'}, in ${name}: ${await this.instant()}`];
  }

  private async firstBell(): Promise<string[]> {
    const { client, style } = this;
    await this.breakAt('bells++;');
    const { reason } = await client.move('continue');
    const frames = await client.frames();
    const names = frames.map(({ name }) => name).join(' ');
    expect(reason === 'breakpoint' && names.startsWith('on_bell'), `a stop in on_bell(), not in ${names}`);
    const integers = await this.registers('Integer registers');
    const csrs = await this.registers('CSRs: Machine');
    return [
      ...(await this.console()),
      `stopped at a breakpoint: ${await this.instant()}`,
      `call stack: ${stackLine(frames, style)}`,
      ...sourceLines(this.source, frames[0]?.line ?? 0, style),
      ...registerLines(integers, ['pc', 'ra', 'sp', 'a0', 'a4', 'a5'], style),
      ...registerLines(csrs, ['mcause', 'mepc', 'mstatus'], style),
    ];
  }

  private async checkpoint(name: string): Promise<string[]> {
    const { id } = await this.client.request<{ id: string }>('chronovisor/takeCheckpoint', { name });
    const hash = await this.hash();
    this.ids.set(name, id);
    this.states.set(name, hash);
    return [`checkpoint "${name}": ${await this.instant()}, state ${hash}`];
  }

  private async stepAndBack(): Promise<string[]> {
    const { client, style } = this;
    const before = { hash: await this.hash(), bells: await client.number('bells') };
    await client.move('next');
    const there = { line: (await client.top()).line, bells: await client.number('bells') };
    const row = (line: number): string[] => sourceLines(this.source, line, style, 0);
    const forwards = [...row(there.line), `bells = ${there.bells}: ${await this.instant()}`];
    await client.move('stepBack');
    const back = { hash: await this.hash(), bells: await client.number('bells') };
    expect(there.bells === before.bells + 1, `bells to go from ${before.bells} to ${before.bells + 1}`);
    expect(back.hash === before.hash, `state ${before.hash} again, not ${back.hash}`);
    return [
      ...forwards,
      ...row((await client.top()).line),
      `bells = ${back.bells}: ${await this.instant()}, state ${back.hash}, as before`,
    ];
  }

  private async panic(): Promise<string[]> {
    const { client, style } = this;
    await this.breakAt();
    await client.request('setFunctionBreakpoints', { breakpoints: [{ name: 'panic' }] });
    await client.move('continue');
    const frames = await client.frames();
    expect(frames[0]?.name === 'panic', `a stop in panic(), not in ${frames[0]?.name ?? '?'}`);
    const gold = await client.number('gold');
    expect(gold !== 1000, 'the vault to be corrupted');
    const lines = [
      ...(await this.console()),
      `stopped in panic(): ${await this.instant()}`,
      `call stack: ${stackLine(frames, style)}`,
      `gold = ${style.red(String(gold))}, and nobody should have touched the 1000 in the vault`,
    ];
    return [...lines, ...(await this.checkpoint('audit failed'))];
  }

  private async culprit(): Promise<string[]> {
    const { client, style } = this;
    const here = await this.position();
    const info = await client.request<{ dataId: string; description: string }>('dataBreakpointInfo', {
      name: 'gold',
    });
    await client.request('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'write' }],
    });
    const started = this.now();
    const { reason } = await client.move('reverseContinue');
    const took = Math.round(this.now() - started);
    const frames = await client.frames();
    expect(reason === 'data breakpoint', `a data breakpoint, not "${reason}"`);
    expect(frames[0]?.name === 'file_receipt', `file_receipt(), not ${frames[0]?.name ?? '?'}`);
    const distance = here - (await this.position());
    const next = await client.number('next_receipt');
    const before = await client.number('gold');
    expect(next === 8 && before === 1000, 'to stand just before the write');
    const lines = [
      `watching ${info.description}`,
      `${style.green(`${grouped(distance)} instructions back`)} (${took} ms): ${await this.instant()}`,
      `call stack: ${stackLine(frames, style)}`,
      ...sourceLines(this.source, frames[0].line, style, 4),
      ...(await this.instruction()),
    ];
    await client.move('stepIn', { granularity: 'instruction' });
    const after = await client.number('gold');
    await client.move('stepBack', { granularity: 'instruction' });
    expect((await client.number('gold')) === before, 'the vault to be full again');
    return [
      ...lines,
      `gold = ${style.green(String(before))}; one instruction on ${style.red(String(after))}; ` +
        `one back ${style.green(String(before))}`,
      `next_receipt = ${next}, but the receipts are 0 to 7: receipts[8] is gold.`,
      `Line ${this.lineOf('next_receipt > RECEIPTS')} should say >=.`,
    ];
  }

  private async again(): Promise<string[]> {
    const { client } = this;
    await client.request('setFunctionBreakpoints', { breakpoints: [] });
    await client.request('setDataBreakpoints', { breakpoints: [] });
    await this.restore('first bell');
    const lines = [`restored "first bell": ${await this.instant()}`];
    await this.breakAt('receipts[next_receipt] = amount;', 'next_receipt == 8');
    await client.move('continue');
    const [frame] = await client.frames();
    expect(frame?.name === 'file_receipt', `file_receipt(), not ${frame?.name ?? '?'}`);
    expect((await client.number('next_receipt')) === 8, 'the condition of the breakpoint to hold');
    lines.push(`stopped on line ${frame.line}, as next_receipt == 8: ${await this.instant()}`);
    // The console shows the same once more.
    await this.console();
    return [...lines, ...(await this.checkpoint('before the bug'))];
  }

  private async otherBranch(): Promise<string[]> {
    const { client, style } = this;
    const wanted = { expression: 'next_receipt', value: '0' };
    const { value } = await client.request<{ value: string }>('setExpression', wanted);
    const { current } = await this.checkpoints();
    expect(value === '0' && current.branch === 1, 'a new branch');
    await this.breakAt();
    const { text = '' } = await client.move('continue');
    const console = await this.console();
    expect(console.at(-1)?.includes('all gold accounted for') === true, 'the bank to close with its gold');
    expect(text.includes('exit code 0'), `exit code 0, not "${text}"`);
    return [
      `next_receipt = ${value} was set: branch ${current.branch} begins`,
      ...console,
      style.green(text),
      ...(await this.checkpoint('good end')),
    ];
  }

  private async tree(): Promise<string[]> {
    await this.restore('audit failed');
    const hash = await this.hash();
    expect(hash === this.states.get('audit failed'), 'the first branch to end as it did');
    return [
      ...treeLines(await this.checkpoints(), this.style),
      `restored "audit failed": gold = ${await this.client.number('gold')}, state ${hash}, as before`,
    ];
  }

  // --- what steps are made of

  private async title(text: string, step: () => Promise<string[]>): Promise<void> {
    const { style } = this;
    this.client.takeCommands();
    const lines = await step();
    const commands = this.client.takeCommands().filter((command) => !LOOKS.has(command));
    this.print('');
    this.print(style.bold(style.blue(`${++this.step}. ${text}`)));
    for (const line of wrapped(commands, 90)) this.print(`   ${style.dim(`DAP  ${line}`)}`);
    for (const line of lines) this.print(`   ${line}`.trimEnd());
  }

  /** The one source breakpoint, on the line with this text; none without. */
  private async breakAt(text?: string, condition?: string): Promise<void> {
    const line = text === undefined ? 0 : this.lineOf(text);
    const breakpoints = line === 0 ? [] : [{ line, ...(condition === undefined ? {} : { condition }) }];
    const args = { source: { path: this.file }, breakpoints };
    const body = await this.client.request<DebugProtocol.SetBreakpointsResponse['body']>(
      'setBreakpoints',
      args,
    );
    expect(
      body.breakpoints.every(({ verified }) => verified),
      'a verified breakpoint',
    );
  }

  /** 1-based; 0 when no line has this text. */
  private lineOf(text: string): number {
    return this.source.split('\n').findIndex((one) => one.includes(text)) + 1;
  }

  private async position(): Promise<number> {
    return (await this.client.request<Timeline>('chronovisor/timeline')).now;
  }

  private async instant(): Promise<string> {
    return `instruction ${grouped(await this.position())}`;
  }

  /** The console goes back in time, too; what it shows then is known. */
  private async restore(name: string): Promise<void> {
    await this.client.move('chronovisor/restoreCheckpoint', { id: this.ids.get(name) });
    await this.console();
  }

  private hash(): Promise<string> {
    return this.client.evaluate('hash', 'repl');
  }

  private checkpoints(): Promise<CheckpointTree> {
    return this.client.request<CheckpointTree>('chronovisor/checkpoints');
  }

  private async registers(scope: string): Promise<DebugProtocol.Variable[]> {
    const { id: frameId } = await this.client.top();
    const { scopes } = await this.client.request<DebugProtocol.ScopesResponse['body']>('scopes', { frameId });
    const variablesReference = scopes.find(({ name }) => name === scope)?.variablesReference ?? 0;
    const args = { variablesReference };
    return (await this.client.request<DebugProtocol.VariablesResponse['body']>('variables', args)).variables;
  }

  private async instruction(): Promise<string[]> {
    const { instructionPointerReference: memoryReference } = await this.client.top();
    const args = { memoryReference, instructionCount: 1, resolveSymbols: true };
    const body = await this.client.request<DebugProtocol.DisassembleResponse['body']>('disassemble', args);
    const [one] = body?.instructions ?? [];
    return one === undefined ? [] : [`at ${one.address}: ${one.instruction}`];
  }

  /** What the guest's console has shown since the last look. */
  private async console(): Promise<string[]> {
    const { data } = await this.client.request<ConsoleHistory>('chronovisor/consoleHistory');
    const text = new TextDecoder().decode(decodeBase64(data));
    const added = text.slice(Math.min(this.consoleShown, text.length));
    this.consoleShown = text.length;
    const lines = added.trimEnd().split(/\r?\n/u);
    return added.trim() === '' ? [] : lines.map((line) => `${this.style.dim('│')} ${this.style.cyan(line)}`);
  }
}

export async function tour(
  folder: string,
  print: (line: string) => void,
  style: Style,
  now: () => number,
): Promise<void> {
  await new Tour(folder, print, style, now).run();
}
