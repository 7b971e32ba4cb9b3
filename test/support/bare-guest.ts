/** Guests written in assembly for tests of the machine: assembled, loaded at the start of RAM, and run to a stop. */
import assert from 'node:assert/strict';
import { registerByName } from '../../src/isa/registers';
import { csrByName } from '../../src/isa/csr';
import { planBoot, rawImage, type Firmware } from '../../src/machine/boot';
import type { DiskConfig, MachineConfig } from '../../src/machine/config';
import { H } from '../../src/machine/layout';
import { Machine } from '../../src/machine/machine';
import type { MachineStop } from '../../src/machine/stop';
import { assemble, type Assembled } from './assembler';

export const RAM = 0x8000_0000;
const MiB = 1 << 20;

/** Behind every program: `j poweroff` ends it, `j fail` ends it with a0 as its exit code. */
export const EPILOGUE = `
    .align 3
    poweroff:
        li t6, 0x100000
        li t5, 0x5555
        sw t5, (t6)
        j .
    fail:
        li t6, 0x100000
        slli t5, a0, 16
        li a0, 0x3333
        or t5, t5, a0
        sw t5, (t6)
        j .
`;

export interface BareOptions {
  /** Default 1. */
  readonly harts?: number;
  /** Default 16 MiB. */
  readonly ramBytes?: number;
  /** `none` starts all harts in M-mode, `builtin` (default none) hart 0 in S-mode. */
  readonly firmware?: 'none' | 'builtin';
  readonly quantum?: number;
  readonly svadu?: boolean;
  readonly disks?: readonly DiskConfig[];
  readonly legacyVirtio?: boolean;
}

export interface BareGuest {
  readonly program: Assembled;
  readonly config: MachineConfig;
}

/** The labels `tohost` and `fromhost`, where there are such, are the guest's HTIF. */
export function bareGuest(source: string, options: BareOptions = {}): BareGuest {
  const program = assemble(source + EPILOGUE, RAM);
  const { harts = 1, ramBytes = 16 * MiB, svadu = true } = options;
  const firmware: Firmware = { kind: options.firmware ?? 'none' };
  const tohost = program.labels.get('tohost');
  const fromhost = program.labels.get('fromhost');
  const boot = planBoot({
    ramBytes,
    harts,
    svadu,
    firmware,
    program: {
      ...rawImage(program.bytes, RAM),
      ...(tohost === undefined ? {} : { tohost }),
      ...(fromhost === undefined ? {} : { fromhost }),
    },
  });
  const { quantum, disks, legacyVirtio } = options;
  return {
    program,
    config: {
      ramBytes,
      harts,
      boot,
      svadu,
      ...(quantum === undefined ? {} : { quantum }),
      ...(disks === undefined ? {} : { disks }),
      ...(legacyVirtio === undefined ? {} : { legacyVirtio }),
    },
  };
}

/** A machine with a guest, and a look at it. */
export class Bench {
  readonly machine: Machine;
  readonly program: Assembled;
  /** All that the console has shown, one character a byte. */
  shown = '';
  /** What runs when a byte is shown. */
  onByte: ((byte: number) => void) | undefined;

  constructor(source: string | BareGuest, options: BareOptions = {}) {
    const guest = typeof source === 'string' ? bareGuest(source, options) : source;
    this.program = guest.program;
    this.machine = new Machine(guest.config, (byte) => {
      this.shown += String.fromCharCode(byte);
      this.onByte?.(byte);
    });
  }

  /** Runs on, skipping idle time, until the guest ends, or for `limit` instructions altogether. */
  run(limit = 2_000_000): MachineStop {
    for (;;) {
      const stop = this.machine.run(limit);
      if (stop.kind !== 'idle' || stop.skipTicks === undefined) return stop;
      this.machine.skipIdle(stop.skipTicks);
    }
  }

  /** Runs to the end, which must be a poweroff. */
  poweroff(limit?: number): this {
    const stop = this.run(limit);
    const where = `hart ${this.machine.harts.current} at 0x${this.pc().toString(16)}, shown "${this.shown}"`;
    assert.deepEqual(stop, { kind: 'finished', reason: 'poweroff', exitCode: 0 }, where);
    return this;
  }

  pc(hart = this.machine.harts.current): bigint {
    return this.machine.pc(hart);
  }

  /** An integer register by name. */
  x(name: string, hart = 0): bigint {
    const register = registerByName(name);
    assert(register?.file === 'x', `${name} is an integer register`);
    return this.machine.harts.get64(hart, H.x + 8 * register.number);
  }

  /** A CSR by name. */
  csr(name: string, hart = 0): bigint {
    const row = csrByName(name);
    assert(row, `${name} is a CSR`);
    return this.machine.looks.csr(hart, row.number);
  }

  /** Bytes of RAM at a label or an address. */
  bytes(at: string | number, count: number): Uint8Array {
    return this.machine.memory.read(typeof at === 'string' ? this.program.at(at) : at, count);
  }

  /** A double word of RAM. */
  dword(at: string | number): bigint {
    return new DataView(this.bytes(at, 8).buffer).getBigUint64(0, true);
  }

  /** `count` double words. */
  dwords(at: string | number, count: number): bigint[] {
    const start = typeof at === 'string' ? this.program.at(at) : at;
    return Array.from({ length: count }, (_, index) => this.dword(start + 8 * index));
  }

  /** Input from outside, now. */
  type(text: string): void {
    this.machine.board.consoleInput(new TextEncoder().encode(text));
  }
}
