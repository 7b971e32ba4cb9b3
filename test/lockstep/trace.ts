/**
 * A judge that is faster than the GDB stub: QEMU writes its registers as text before every instruction (-d cpu,fpu), and
 * its records are read as they come. It shows no PMP, counter-enable and environment registers, and not the mode, which
 * the comparison of the other registers brings out; memory is not compared. For long runs; see long-run.ts.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PLACE } from './layout';
import type { Judge } from './lockstep';
import { qemuArguments } from './qemu-stub';
import { newState, PC, registerIndex, REGISTERS, type State } from './state';

const RECORD_START = Buffer.from(' pc       ');

/** QEMU writes thousands of records a second, or none. */
const SILENCE_MS = 4000;
const SATP = Buffer.from(' satp ');
/** Its line: name, 16 digits, end. */
const SATP_BYTES = 27;

/** Where in a record's text the 16 digits of each register are; one layout for all records. */
function digitsAt(record: string): [number, number][] {
  const found: [number, number][] = [];
  for (const match of record.matchAll(/ (\w+)(?:\/\w+)? +([0-9a-f]{16})(?=\s)/g)) {
    const name = match[1] ?? '';
    const index = name === 'pc' ? PC : registerIndex(name);
    if (index >= 0) found.push([index, match.index + match[0].length - 16]);
  }
  return found;
}

const digitValue = new Uint8Array(256);
'0123456789abcdef'.split('').forEach((digit, value) => (digitValue[digit.charCodeAt(0)] = value));

export class QemuTrace implements Judge {
  private buffer: Buffer = Buffer.alloc(0);
  private at = 0;
  private ended = false;
  private wake: (() => void) | undefined;
  private layout: [number, number][] = [];
  private recordBytes = 0;
  private satpAt = 0;
  readonly interruptsAtOnce = true;
  hidden: readonly number[] = [];
  private readonly present: State = newState();
  /** Halves of each register as they were last. */
  private readonly shown = new Int32Array(2 * REGISTERS.length);

  private constructor(
    private readonly process: ChildProcess,
    private readonly output: Readable,
    private readonly folder: string,
  ) {
    output.on('data', (data: Buffer) => {
      this.buffer =
        this.at < this.buffer.length ? Buffer.concat([this.buffer.subarray(this.at), data]) : data;
      this.at = 0;
      if (this.buffer.length > 1 << 22) output.pause();
      this.wake?.();
    });
    output.on('end', () => {
      this.end();
    });
  }

  static async start(image: Uint8Array): Promise<QemuTrace> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-'));
    writeFileSync(join(folder, 'image'), image);
    // A named log: into its standard error stream QEMU writes each number by itself, seven times slower.
    const log = join(folder, 'log');
    execFileSync('mkfifo', [log]);
    const child = spawn(
      'qemu-system-riscv64',
      [...qemuArguments(join(folder, 'image')), '-d', 'cpu,fpu,nochain', '-D', log],
      { stdio: 'ignore' },
    );
    const trace = new QemuTrace(child, createReadStream(log, { highWaterMark: 1 << 18 }), folder);
    await trace.findLayout();
    return trace;
  }

  /** Waits for more text; false when there will be none. */
  private async more(): Promise<boolean> {
    if (this.ended) return false;
    this.output.resume();
    const timer = setTimeout(() => this.end(), SILENCE_MS);
    await new Promise<void>((resolve) => (this.wake = resolve));
    clearTimeout(timer);
    this.wake = undefined;
    return true;
  }

  private end(): void {
    this.ended = true;
    this.wake?.();
  }

  private async findLayout(): Promise<void> {
    let second = -1;
    while (second < 0) {
      if (!(await this.more())) throw new Error('QEMU shows nothing');
      const first = this.buffer.indexOf(RECORD_START);
      second = first < 0 ? -1 : this.buffer.indexOf(RECORD_START, first + 1);
      if (second >= 0) this.at = first;
    }
    this.recordBytes = second - this.at;
    this.satpAt = this.buffer.indexOf(SATP, this.at) - this.at;
    this.layout = digitsAt(this.buffer.toString('latin1', this.at, second));
    const shown = new Set(this.layout.map(([index]) => index));
    this.hidden = REGISTERS.flatMap((_, index) => (shown.has(index) ? [] : [index]));
  }

  /** How much shorter the record at the present place is: without satp, where the mode may not read it (TVM). */
  private missing(): number {
    const { satpAt } = this;
    return this.buffer.compare(SATP, 0, SATP.length, this.at + satpAt, this.at + satpAt + SATP.length) === 0
      ? 0
      : SATP_BYTES;
  }

  private parse(missing: number): void {
    const { buffer, at, satpAt, shown } = this;
    if (buffer.compare(RECORD_START, 0, RECORD_START.length, at, at + RECORD_START.length) !== 0) {
      throw new Error(`not a record: ${buffer.toString('latin1', at, at + 200)}`);
    }
    for (const [index, place] of this.layout) {
      if (missing > 0 && place > satpAt && place < satpAt + SATP_BYTES) continue;
      const offset = place > satpAt ? place - missing : place;
      let [high, low] = [0, 0];
      for (let digit = at + offset; digit < at + offset + 8; digit++) {
        high = (high << 4) | (digitValue[buffer[digit] ?? 0] ?? 0);
        low = (low << 4) | (digitValue[buffer[digit + 8] ?? 0] ?? 0);
      }
      // Most registers are what they were: no BigInt is made for them.
      if (shown[2 * index] === high && shown[2 * index + 1] === low) continue;
      shown[2 * index] = high;
      shown[2 * index + 1] = low;
      this.present[index] = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    }
  }

  /** To the record of the first random instruction. */
  async skipPrologue(): Promise<void> {
    while (this.present[PC] !== BigInt(PLACE.code)) {
      if (!(await this.step(this.present))) throw new Error('QEMU does not get through the prologue');
    }
  }

  read(into: State): Promise<void> {
    into.set(this.present);
    return Promise.resolve();
  }

  /** The next record; false when none comes, as when QEMU goes from one failing fetch to the next for ever. */
  async step(into: State): Promise<boolean> {
    while (this.buffer.length - this.at < this.recordBytes) if (!(await this.more())) return false;
    const missing = this.missing();
    this.parse(missing);
    this.at += this.recordBytes - missing;
    into.set(this.present);
    return true;
  }

  close(): void {
    this.process.kill('SIGKILL');
    this.output.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
