/**
 * What random programs in lockstep with QEMU brought out: defects of this machine, found and mended, each with the
 * encoding that showed it; and the places where QEMU 7.2 departs from the specification, so that it cannot be the judge
 * there (test/lockstep/accepted.ts). Here the specification is.
 */
import assert from 'node:assert/strict';
import { physAddr } from '../../src/base/brand';
import { H } from '../../src/machine/layout';
import type { Machine } from '../../src/machine/machine';
import { newMachine, stepOurs } from '../lockstep/generator';
import { instruction } from '../lockstep/program';
import { csrNumber } from '../lockstep/state';

const RAM = 0x8000_0000;
const CODE = RAM + 0x1000;
const DATA = RAM + 0x3_0000;
const HANDLER = RAM + 0x2000;
const ROOT = RAM + 0x4000;

/** A machine in M-mode at CODE, with these instructions there; PMP allows everything, traps go to HANDLER. */
function machineWith(...words: number[]): Machine {
  const image = new Uint8Array(0x4_0000);
  const view = new DataView(image.buffer);
  words.forEach((word, index) => {
    view.setUint32(CODE - RAM + 4 * index, word, true);
  });
  // The handler goes on after an interrupt.
  view.setUint32(HANDLER - RAM, instruction('addi', {}), true);
  const machine = newMachine(image);
  machine.linear.set64(H.pc, BigInt(CODE));
  setCsr(machine, 'pmpaddr15', (1n << 54n) - 1n);
  setCsr(machine, 'pmpcfg2', 0x1fn << 56n);
  setCsr(machine, 'mtvec', BigInt(HANDLER));
  return machine;
}

const csr = (machine: Machine, name: string): bigint =>
  BigInt.asUintN(64, machine.engine.csrRead(csrNumber(name)));
function setCsr(machine: Machine, name: string, value: bigint): void {
  machine.setCsr(0, csrNumber(name), value);
}
const x = (machine: Machine, register: number): bigint =>
  BigInt.asUintN(64, machine.linear.get64(H.x + 8 * register));
const setX = (machine: Machine, register: number, value: number | bigint): void => {
  machine.linear.set64(H.x + 8 * register, BigInt(value));
};
const pc = (machine: Machine): number => Number(machine.linear.get64(H.pc));

function setMode(machine: Machine, mode: number): void {
  machine.linear.set32(H.priv, mode);
  machine.engine.updateContext();
}

function steps(machine: Machine, count: number): void {
  for (let index = 0; index < count; index++) assert.ok(stepOurs(machine));
}

function poke64(machine: Machine, address: number, value: bigint): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  machine.pokePhysical(physAddr(BigInt(address)), bytes);
}

/** One instruction that must trap to M-mode; returns cause and tval. */
function trapOf(machine: Machine): { cause: bigint; tval: bigint } {
  steps(machine, 1);
  assert.equal(pc(machine), HANDLER, 'a trap is taken');
  return { cause: csr(machine, 'mcause'), tval: csr(machine, 'mtval') };
}

const lrW = instruction('lr.w', { rd: 5, rs1: 10, imm: 0 });
const scW = instruction('sc.w', { rd: 6, rs1: 10, rs2: 7, imm: 0 });

describe('defects found in lockstep', () => {
  it('an AMO on its own encoding still writes rd', () => {
    // amomaxu.d.rl t4, s4, (t6) at t6 = pc: the store clears the decoded record, in which rd stood.
    const machine = machineWith(0xe34fbeaf, 0x13);
    setX(machine, 31, CODE);
    setX(machine, 20, 0);
    setX(machine, 29, 0xc0);
    steps(machine, 1);
    assert.equal(x(machine, 29), 0x13_e34f_beafn);
    assert.equal(pc(machine), CODE + 4);
  });

  it('an SC on its own encoding still writes rd', () => {
    const machine = machineWith(lrW, scW);
    setX(machine, 10, CODE + 4);
    setX(machine, 6, 0xc0);
    steps(machine, 2);
    assert.equal(x(machine, 6), 0n);
  });

  it('a reservation ends with a trap and with a return from one', () => {
    const trapped = machineWith(lrW, instruction('ecall', {}));
    setX(trapped, 10, DATA);
    steps(trapped, 2);
    assert.equal(trapped.linear.get32(H.reservationValid), 0);
    const returned = machineWith(lrW, instruction('mret', {}), scW);
    setX(returned, 10, DATA);
    setCsr(returned, 'mepc', BigInt(CODE + 8));
    setCsr(returned, 'mstatus', 3n << 11n);
    steps(returned, 3);
    assert.equal(x(returned, 6), 1n);
  });
});

describe('where QEMU 7.2 cannot be the judge', () => {
  it('AMO and SC raise store/AMO exceptions', () => {
    const amo = instruction('amoadd.w', { rd: 5, rs1: 10, rs2: 7, imm: 0 });
    for (const [address, word, cause] of [
      [DATA + 1, amo, 6n],
      [0x9000_0000, amo, 7n],
      [DATA + 2, scW, 6n],
    ] as const) {
      const machine = machineWith(word);
      setX(machine, 10, address);
      assert.deepEqual(trapOf(machine), { cause, tval: BigInt(address) });
    }
  });

  it('mret and sret below M-mode clear MPRV', () => {
    for (const [name, mode] of [
      ['mret', 1n << 11n],
      ['sret', 1n << 8n],
    ] as const) {
      const machine = machineWith(instruction(name, {}));
      setCsr(machine, 'mstatus', mode | (1n << 17n));
      steps(machine, 1);
      assert.equal(csr(machine, 'mstatus') & (1n << 17n), 0n, name);
    }
  });

  it('the fences of Svinval are illegal in U-mode', () => {
    for (const name of ['sfence.w.inval', 'sfence.inval.ir', 'sinval.vma']) {
      const word = instruction(name, {});
      const machine = machineWith(word);
      setMode(machine, 0);
      assert.deepEqual(trapOf(machine), { cause: 2n, tval: BigInt(word) }, name);
    }
  });

  it('external interrupts come before software and timer interrupts', () => {
    const machine = machineWith(instruction('addi', {}));
    const order: bigint[] = [];
    for (const pending of [0x222n, 0x022n, 0x020n]) {
      setCsr(machine, 'mip', pending);
      setCsr(machine, 'mie', 0x222n);
      setCsr(machine, 'mstatus', 8n);
      steps(machine, 1);
      order.push(csr(machine, 'mcause') & 0xffn);
    }
    assert.deepEqual(order, [9n, 1n, 5n]);
  });

  it('a write to a read-only CSR is illegal also when rs1 holds 0', () => {
    assert.equal(
      trapOf(machineWith(instruction('csrrs', { rd: 5, rs1: 6, imm: csrNumber('mhartid') }))).cause,
      2n,
    );
    const read = machineWith(instruction('csrrs', { rd: 5, rs1: 0, imm: csrNumber('mhartid') }));
    steps(read, 1);
    assert.equal(pc(read), CODE + 4);
  });
});

describe('page table entries that QEMU 7.2 lets pass', () => {
  /** A load in S-mode through a gigapage whose entry has these bits besides; the cause of its trap, or undefined. */
  function load(bits: bigint, menvcfg = 1n << 62n): bigint | undefined {
    const machine = machineWith(instruction('ld', { rd: 5, rs1: 10, imm: 0 }));
    const leaf = ((BigInt(RAM) >> 12n) << 10n) | 0xcfn;
    poke64(machine, ROOT + 8 * 2, leaf);
    poke64(machine, ROOT + 8 * 3, leaf | bits);
    setCsr(machine, 'menvcfg', menvcfg);
    setCsr(machine, 'satp', (8n << 60n) | BigInt(ROOT / 4096));
    setMode(machine, 1);
    setX(machine, 10, 0xc000_0000 + DATA - RAM);
    steps(machine, 1);
    return pc(machine) === CODE + 4 ? undefined : csr(machine, 'mcause');
  }

  it('reserved bits 60:54 fault', () => {
    assert.equal(load(0n), undefined);
    for (let bit = 54n; bit <= 60n; bit++) assert.equal(load(1n << bit), 13n, `bit ${bit}`);
  });

  it('PBMT 1 and 2 need menvcfg.PBMTE, 3 is reserved, and N is for 64 KiB only', () => {
    assert.equal(load(1n << 61n), undefined);
    assert.equal(load(2n << 61n), undefined);
    assert.equal(load(3n << 61n), 13n);
    assert.equal(load(1n << 61n, 0n), 13n);
    assert.equal(load(1n << 63n), 13n);
  });

  it('S-mode executes no user page, also not one that SUM has let it load from just now', () => {
    const machine = machineWith(
      instruction('ld', { rd: 5, rs1: 10, imm: 0 }),
      instruction('jalr', { rd: 0, rs1: 10, imm: 0 }),
    );
    const leaf = ((BigInt(RAM) >> 12n) << 10n) | 0xcfn;
    poke64(machine, ROOT + 8 * 2, leaf);
    poke64(machine, ROOT + 8 * 3, leaf | 0x10n);
    setCsr(machine, 'satp', (8n << 60n) | BigInt(ROOT / 4096));
    setCsr(machine, 'mstatus', 1n << 18n);
    setMode(machine, 1);
    const code = 0xc000_0000 + CODE - RAM;
    setX(machine, 10, code);
    steps(machine, 2);
    assert.equal(pc(machine), code, 'it may be read');
    assert.deepEqual(trapOf(machine), { cause: 12n, tval: BigInt(code) });
  });

  it('a table outside RAM is an access fault', () => {
    const machine = machineWith(instruction('ld', { rd: 5, rs1: 10, imm: 0 }));
    poke64(machine, ROOT + 8 * 2, ((BigInt(RAM) >> 12n) << 10n) | 0xcfn);
    poke64(machine, ROOT + 8 * 3, ((0x9000_0000n >> 12n) << 10n) | 1n);
    setCsr(machine, 'satp', (8n << 60n) | BigInt(ROOT / 4096));
    setMode(machine, 1);
    setX(machine, 10, 0xc000_0000);
    assert.equal(trapOf(machine).cause, 5n);
  });
});

describe('PMP within a page', () => {
  /** S-mode may read all but the 8 bytes at DATA + 0x100. */
  function read(address: number): bigint | undefined {
    const machine = machineWith(
      instruction('ld', { rd: 5, rs1: 10, imm: 0 }),
      instruction('ld', { rd: 5, rs1: 11, imm: 0 }),
    );
    setCsr(machine, 'pmpaddr0', BigInt((DATA + 0x100) / 4));
    setCsr(machine, 'pmpcfg0', 0x18n);
    setMode(machine, 1);
    setX(machine, 10, DATA);
    setX(machine, 11, address);
    steps(machine, 2);
    return pc(machine) === CODE + 8 ? undefined : csr(machine, 'mcause');
  }

  it('an access that a denying entry touches fails, also after one elsewhere in the page', () => {
    assert.equal(read(DATA + 0x100), 5n);
    assert.equal(read(DATA + 0xfc), 5n, 'begins before it');
    assert.equal(read(DATA + 0x104), 5n, 'ends after it');
    assert.equal(read(DATA + 0xf8), undefined);
    assert.equal(read(DATA + 0x108), undefined);
  });
});
