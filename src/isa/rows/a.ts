/**
 * Atomic instructions (unprivileged specification, "A"). Harts run in turn and each instruction is indivisible, so the
 * acquire and release bits order nothing: they are decoded for display (operands.imm) and not used.
 */
import type { I64, Local } from '../../wasm';
import { extension } from '../encoding';
import type { Row, Semantics } from '../types';

type Width = 'w' | 'd';
const bytesOf = (width: Width): 4 | 8 => (width === 'w' ? 4 : 8);

const loadReserved = (width: Width): Semantics => ({
  name: `lr.${width}`,
  uses: ['rd', 'rs1'],
  pure: false,
  emit: (c) => c.setRd(c.loadReserved(bytesOf(width), c.rs1())),
});

const storeConditional = (width: Width): Semantics => ({
  name: `sc.${width}`,
  uses: ['rd', 'rs1', 'rs2'],
  pure: false,
  emit: (c) => c.setRd(c.storeConditional(bytesOf(width), c.rs1(), c.rs2())),
});

/** `combine` gets both operands sign-extended, as locals; for words its low half is stored. */
const amo = (name: string, width: Width, combine: (old: I64, operand: Local<I64>) => I64): Semantics => ({
  name: `${name}.${width}`,
  uses: ['rd', 'rs1', 'rs2'],
  pure: false,
  emit: (c) => {
    const operand = c.f.let(width === 'w' ? c.rs2().extend32S() : c.rs2());
    c.setRd(c.amo(bytesOf(width), c.rs1(), (old) => combine(old, operand)));
  },
});

// Sign extension keeps the unsigned order of words too: the ones with bit 31 set go to the top of both ranges.
const operations: readonly [string, string, (old: I64, operand: Local<I64>) => I64][] = [
  ['amoadd', '00000', (old, b) => old.add(b)],
  ['amoswap', '00001', (_old, b) => b],
  ['amoxor', '00100', (old, b) => old.xor(b)],
  ['amoor', '01000', (old, b) => old.or(b)],
  ['amoand', '01100', (old, b) => old.and(b)],
  ['amomin', '10000', (old, b) => old.ltS(b).select64(old, b)],
  ['amomax', '10100', (old, b) => old.gtS(b).select64(old, b)],
  ['amominu', '11000', (old, b) => old.ltU(b).select64(old, b)],
  ['amomaxu', '11100', (old, b) => old.gtU(b).select64(old, b)],
];

const a = extension('a');

function rowsOf(width: Width, funct3: string): Row[] {
  const tail = `rs1 ${funct3} rd 0101111`;
  return [
    a(`lr.${width}`, `00010 aqrl 00000 ${tail}`, '{aqrl} {rd}, ({rs1})', loadReserved(width)),
    a(`sc.${width}`, `00011 aqrl rs2 ${tail}`, '{aqrl} {rd}, {rs2}, ({rs1})', storeConditional(width)),
    ...operations.map(([name, funct5, combine]) =>
      a(
        `${name}.${width}`,
        `${funct5} aqrl rs2 ${tail}`,
        '{aqrl} {rd}, {rs2}, ({rs1})',
        amo(name, width, combine),
      ),
    ),
  ];
}

export const aRows: readonly Row[] = [...rowsOf('w', '010'), ...rowsOf('d', '011')];
