/** The CSR table, its fields, trap causes and register names. Names and numbers are judged in disassembler.test.ts. */
import assert from 'node:assert/strict';
import { defined } from '../../src/base/errors';
import { causeOf, causes } from '../../src/isa/causes';
import { csrByName, csrByNumber, CSRS, decodeFields } from '../../src/isa/csr';
import { floatRegisterNames, integerRegisterNames, registerByName } from '../../src/isa/registers';

const fieldsOf = (name: string, value: bigint): Record<string, string> =>
  Object.fromEntries(decodeFields(defined(csrByName(name)), value).map((field) => [field.name, field.text]));

describe('CSR table', () => {
  it('has each number and each name once', () => {
    assert.equal(new Set(CSRS.map((csr) => csr.number)).size, CSRS.length);
    assert.equal(new Set(CSRS.map((csr) => csr.name)).size, CSRS.length);
    for (const csr of CSRS) {
      assert.equal(csrByNumber(csr.number), csr);
      assert.equal(csrByName(csr.name), csr);
    }
    assert.equal(csrByNumber(0x7c0), undefined);
  });

  it('has fields that do not overlap and lie inside 64 bits', () => {
    for (const csr of CSRS) {
      let taken = 0n;
      for (const { name, low, width } of csr.fields) {
        const bits = ((1n << BigInt(width)) - 1n) << BigInt(low);
        assert.equal(taken & bits, 0n, `${csr.name}.${name}`);
        assert.ok(low + width <= 64, `${csr.name}.${name}`);
        taken |= bits;
      }
    }
  });

  it('keeps what is constant or stored inside its bits', () => {
    for (const { name, behaviour, number } of CSRS) {
      if (behaviour.kind === 'stored') {
        assert.equal((behaviour.reset ?? 0n) & ~behaviour.writable, 0n, name);
        assert.notEqual(number >> 10, 3, `${name} is not read-only by its number`);
      }
    }
    assert.deepEqual(csrByName('mepc')?.behaviour, { kind: 'stored', writable: (1n << 64n) - 2n });
    assert.deepEqual(csrByName('misa')?.behaviour, { kind: 'constant', value: 0x8000_0000_0014_112dn });
  });

  it('shows mstatus', () => {
    const text = fieldsOf('mstatus', 0x8000_000a_0000_7880n);
    assert.deepEqual(
      {
        MPP: text['MPP'],
        FS: text['FS'],
        SXL: text['SXL'],
        SD: text['SD'],
        MPIE: text['MPIE'],
        SIE: text['SIE'],
      },
      { MPP: 'M', FS: 'Dirty', SXL: '64', SD: '1', MPIE: '1', SIE: '0' },
    );
  });

  it('shows satp, misa, trap vectors, causes and PMP entries', () => {
    assert.deepEqual(fieldsOf('satp', 0x8100_0000_0008_0123n), {
      PPN: '0x80123',
      ASID: '0x1000',
      MODE: 'Sv39',
    });
    assert.deepEqual(fieldsOf('misa', 0x8000_0000_0014_112dn), { Extensions: 'ACDFIMSU', MXL: '64' });
    assert.deepEqual(fieldsOf('stvec', 0x8000_0101n), { MODE: 'Vectored', BASE: '0x80000100' });
    assert.deepEqual(fieldsOf('scause', (1n << 63n) | 5n), {
      Code: 'Supervisor timer interrupt',
      Interrupt: '1',
    });
    assert.deepEqual(fieldsOf('mcause', 13n), { Code: 'Load page fault', Interrupt: '0' });
    assert.deepEqual(fieldsOf('mcause', 24n), { Code: '0x18', Interrupt: '0' });
    const pmp = fieldsOf('pmpcfg2', 0x9f00_0000_0000_000bn);
    assert.deepEqual(
      [pmp['pmp8cfg'], pmp['pmp9cfg'], pmp['pmp15cfg']],
      ['RW- TOR', '--- OFF', 'RWX NAPOT locked'],
    );
    assert.deepEqual(decodeFields(defined(csrByName('mscratch')), 7n), []);
  });
});

describe('trap causes', () => {
  it('are found by the value of mcause', () => {
    for (const cause of causes) {
      const value = BigInt(cause.code) | (cause.interrupt ? 1n << 63n : 0n);
      assert.equal(causeOf(value), cause);
    }
    assert.equal(causeOf(2n)?.id, 'illegal_instruction');
    assert.equal(causeOf((1n << 63n) | 2n), undefined);
    assert.equal(causeOf(10n), undefined);
  });
});

describe('register names', () => {
  it('go both ways', () => {
    for (let number = 0; number < 32; number++) {
      for (const name of [integerRegisterNames[number], `x${number}`]) {
        assert.deepEqual(registerByName(name ?? ''), { file: 'x', number });
      }
      for (const name of [floatRegisterNames[number], `f${number}`]) {
        assert.deepEqual(registerByName(name ?? ''), { file: 'f', number });
      }
    }
    assert.deepEqual(registerByName('fp'), { file: 'x', number: 8 });
    assert.equal(registerByName('x32'), undefined);
  });
});
