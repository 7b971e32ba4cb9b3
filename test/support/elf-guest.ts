/** A program for bare metal in a machine of its own, and that machine as inspect/ looks at it. */
import { readFileSync } from 'node:fs';
import type { MachineView } from '../../src/inspect/view';
import { csrByName } from '../../src/isa/csr';
import { planBoot } from '../../src/machine/boot';
import { H } from '../../src/machine/layout';
import { Machine } from '../../src/machine/machine';
import { bytesSource } from '../../src/symbols/bytes';
import { ElfFile } from '../../src/symbols/elf/elf-file';
import { loadableSegments } from '../../src/symbols/elf/load';

const MiB = 1 << 20;

export interface ElfGuestOptions {
  readonly ramBytes?: number;
  /** `none`: in M-mode, `builtin` (default none): in S-mode, with an SBI below. */
  readonly firmware?: 'none' | 'builtin';
}

/** One hart at the program's entry; what it shows on the console is lost. */
export function elfMachine(path: string, options: ElfGuestOptions = {}): Machine {
  const { ramBytes = 128 * MiB, firmware = 'none' } = options;
  const elf = ElfFile.open(bytesSource(readFileSync(path)));
  const segments = loadableSegments(elf).map(({ paddr, fileOffset, fileSize, memSize }) => ({
    address: Number(paddr),
    bytes: elf.fileBytes(fileOffset, fileSize, 'a segment'),
    sizeBytes: memSize,
  }));
  const program = { segments, entry: Number(elf.header.entry) };
  const boot = planBoot({ ramBytes, harts: 1, svadu: true, firmware: { kind: firmware }, program });
  return new Machine({ ramBytes, harts: 1, boot }, () => undefined);
}

/** A live view: it reads the present whenever it is asked. */
export function liveView(machine: Machine, hart = 0): MachineView {
  const { harts, looks } = machine;
  return {
    get pc() {
      return harts.get64(hart, H.pc);
    },
    get privilege() {
      return harts.get32(hart, H.priv) as 0 | 1 | 3;
    },
    x: (index) => harts.get64(hart, H.x + 8 * index),
    f: (index) => harts.get64(hart, H.f + 8 * index),
    readMemory: (address, length) => readVirtual(machine, hart, address, length),
    csr: (name) => {
      const row = csrByName(name);
      return row && looks.csr(hart, row.number);
    },
  };
}

function readVirtual(
  machine: Machine,
  hart: number,
  address: bigint,
  length: number,
): Uint8Array | undefined {
  const found = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const count = Math.min(length - done, 4096 - Number(at & 4095n));
    const place = machine.looks.translate(hart, at);
    const bytes = place === undefined ? undefined : machine.looks.physical(place, count);
    if (bytes === undefined) return undefined;
    found.set(bytes, done);
    done += count;
  }
  return found;
}

/** Memory as S-mode with SUM, by satp (Sv39) whatever the mode is now; without satp, and in M-mode, physical. */
export function supervisorMemory(machine: Machine, address: bigint, length: number): Uint8Array | undefined {
  const found = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const count = Math.min(length - done, 4096 - Number(at & 4095n));
    const place = walked(machine, at);
    if (place === undefined || !machine.memory.contains(place, count)) return undefined;
    found.set(machine.memory.read(place, count), done);
    done += count;
  }
  return found;
}

const SATP = 0x180;

function walked(machine: Machine, address: bigint): number | undefined {
  const satp = machine.looks.csr(0, SATP);
  if (satp >> 60n === 0n) return Number(address);
  let table = Number(satp & ((1n << 44n) - 1n)) * 4096;
  for (let level = 2; level >= 0; level--) {
    const index = Number((address >> BigInt(12 + 9 * level)) & 511n);
    if (!machine.memory.contains(table + 8 * index, 8)) return undefined;
    const bytes = machine.memory.read(table + 8 * index, 8);
    const entry = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    if ((entry & 1n) === 0n) return undefined;
    const next = Number((entry >> 10n) & ((1n << 44n) - 1n)) * 4096;
    if ((entry & 0xen) !== 0n) return next + Number(address & ((1n << BigInt(12 + 9 * level)) - 1n));
    table = next;
  }
  return undefined;
}
