/**
 * A QEMU `virt` machine of one hart that is stepped through its GDB stub. One write asks for all registers and for the
 * next step; the answers describe the state before that step.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GdbRemote, littleEndianHex, toLittleEndianHex } from '../support/gdb-remote';
import { PLACE, RAM_BYTES } from './layout';
import { COMPARED_CSRS, csrNumber, CSR0, F0, PRIV, type State } from './state';

/** What our machine is, said to QEMU 7.2: no hypervisor or debug triggers, and what virt does not have by default. */
export const QEMU_CPU =
  'rv64,h=off,zbc=on,svinval=on,svnapot=on,svpbmt=on,sstc=on,debug=off,marchid=0,mimpid=0';

export function qemuArguments(image: string): string[] {
  return [
    ...[
      '-M',
      'virt',
      '-m',
      `${RAM_BYTES >> 20}M`,
      '-cpu',
      QEMU_CPU,
      '-bios',
      'none',
      '-accel',
      'tcg',
      '-singlestep',
    ],
    ...['-display', 'none', '-serial', 'none', '-monitor', 'none', '-nodefaults'],
    ...['-device', `loader,file=${image},addr=0x${PLACE.prologue.toString(16)},force-raw=on`],
  ];
}

/** Register numbers of the stub: x0-x31, pc, f0-f31, the privilege mode, then 66 + CSR number. */
const F_BASE = 33;
const PRIV_REGISTER = 65;
const CSR_BASE = 66;
/** Interrupts are taken while stepping (bit 1 clear), timers stand still. */
const SINGLE_STEP = 'Qqemu.sstep=5';

export class QemuStub {
  private readonly reads: string[];

  private constructor(
    private readonly process: ChildProcess,
    private readonly remote: GdbRemote,
    private readonly folder: string,
  ) {
    const register = (number: number): string => `p${number.toString(16)}`;
    this.reads = [
      'g',
      ...Array.from({ length: 32 }, (_, index) => register(F_BASE + index)),
      register(PRIV_REGISTER),
      ...COMPARED_CSRS.map((name) => register(CSR_BASE + csrNumber(name))),
    ];
  }

  static async start(image: Uint8Array): Promise<QemuStub> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-'));
    const path = join(folder, 'gdb');
    writeFileSync(join(folder, 'image'), image);
    const chardev = [
      '-S',
      '-chardev',
      `socket,path=${path},server=on,wait=off,id=gdb`,
      '-gdb',
      'chardev:gdb',
    ];
    const child = spawn('qemu-system-riscv64', [...qemuArguments(join(folder, 'image')), ...chardev], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
    const end = new AbortController();
    child.on('exit', () => end.abort());
    child.on('error', () => end.abort());
    // The socket appears, and then is listened to; there is no event for that.
    let remote: GdbRemote | undefined;
    while (remote === undefined) {
      if (end.signal.aborted) throw new Error(`QEMU did not start: ${complaint}`);
      await delay(5);
      if (existsSync(path)) remote = await GdbRemote.connect(path).catch(() => undefined);
    }
    // Numbers that are not in the stub's description are counted: the first CSR tells whether the count is right.
    const csrs = await remote.feature('riscv-csr.xml');
    const first = `name="sstatus" bitsize="64" regnum="${CSR_BASE + 0x100}"`;
    if (!csrs.includes(first)) throw new Error('the GDB stub numbers its registers otherwise');
    await remote.request(SINGLE_STEP);
    return new QemuStub(child, remote, folder);
  }

  private decode(answers: readonly string[], into: State): void {
    const general = answers[0] ?? '';
    for (let index = 0; index < 33; index++) into[index] = littleEndianHex(general, 16 * index);
    for (let index = 0; index < 32; index++) into[F0 + index] = littleEndianHex(answers[1 + index] ?? '');
    into[PRIV] = littleEndianHex(answers[33] ?? '');
    for (let index = 0; index < COMPARED_CSRS.length; index++) {
      const answer = answers[34 + index] ?? '';
      // QEMU refuses even its debugger where the mode may not read satp (TVM); it cannot change there either.
      if (answer.startsWith('E') && COMPARED_CSRS[index] === 'satp') continue;
      if (answer.length !== 16)
        throw new Error(`QEMU does not read ${COMPARED_CSRS[index] ?? ''}: ${answer}`);
      into[CSR0 + index] = littleEndianHex(answer);
    }
  }

  async read(into: State): Promise<void> {
    this.decode(await this.remote.requests(this.reads), into);
  }

  /** Steps once, then reads. */
  async step(into: State): Promise<boolean> {
    await this.remote.request('vCont;s:p1.-1');
    await this.read(into);
    return true;
  }

  /** Runs to an address, by a breakpoint. */
  async runTo(address: number): Promise<void> {
    const breakpoint = `0,${address.toString(16)},2`;
    await this.remote.requests([`Z${breakpoint}`]);
    await this.remote.request('vCont;c:p1.-1');
    await this.remote.requests([`z${breakpoint}`]);
  }

  /** Physical memory. */
  async memory(address: number, sizeBytes: number): Promise<Uint8Array> {
    await this.remote.request('Qqemu.PhyMemMode:1');
    const requests: string[] = [];
    for (let at = 0; at < sizeBytes; at += 1024) requests.push(`m${(address + at).toString(16)},400`);
    const answers = await this.remote.requests(requests);
    return new Uint8Array(Buffer.from(answers.join(''), 'hex'));
  }

  /** Makes QEMU forget its translations: it does when MPRV changes, also by the debugger. */
  async dropTranslations(mstatus: bigint): Promise<void> {
    const register = (CSR_BASE + csrNumber('mstatus')).toString(16);
    const write = (value: bigint): string => `P${register}=${toLittleEndianHex(value)}`;
    await this.remote.requests([write(mstatus ^ (1n << 17n)), write(mstatus)]);
  }

  close(): void {
    this.remote.close();
    this.process.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
