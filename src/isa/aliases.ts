/**
 * Pseudo-instructions of the disassembler: the names that the RISC-V Assembly Programmer's Manual gives to special cases
 * of instructions. Per instruction the first alias whose condition holds is used. Immediate forms keep their own
 * names (`addi`, not `add` with an immediate, as some disassemblers shorten it).
 */
import type { Operands } from './types';

interface Alias {
  readonly when: (o: Operands) => boolean;
  readonly mnemonic: string;
  /** In the notation of Row.assembly. */
  readonly assembly: string;
}

const alias = (mnemonic: string, assembly: string, when: (o: Operands) => boolean): Alias => ({
  mnemonic,
  assembly,
  when,
});

const rs1Zero = (o: Operands): boolean => o.rs1 === 0;
const rs2Zero = (o: Operands): boolean => o.rs2 === 0;
const rdZero = (o: Operands): boolean => o.rd === 0;
const sameSources = (o: Operands): boolean => o.rs1 === o.rs2;
const csrIs =
  (number: number, also: (o: Operands) => boolean = () => true) =>
  (o: Operands): boolean =>
    o.imm === number && also(o);

const [fflags, frm, fcsr] = [1, 2, 3];

/** csrrw of a floating point CSR: `fsrm rs` sets, `fsrm rd, rs` swaps. */
const swapAliases = (mnemonic: string, csr: number, source: string): Alias[] => [
  alias(mnemonic, source, csrIs(csr, rdZero)),
  alias(mnemonic, `{rd}, ${source}`, csrIs(csr)),
];

const floatMoves = (suffix: string): [string, Alias[]][] => [
  [`fsgnj.${suffix}`, [alias(`fmv.${suffix}`, '{fd}, {fs1}', sameSources)]],
  [`fsgnjn.${suffix}`, [alias(`fneg.${suffix}`, '{fd}, {fs1}', sameSources)]],
  [`fsgnjx.${suffix}`, [alias(`fabs.${suffix}`, '{fd}, {fs1}', sameSources)]],
];

/** By the name of the instruction: that of a compressed row, else that of the uncompressed one it stands for. */
export const aliases: ReadonlyMap<string, readonly Alias[]> = new Map<string, readonly Alias[]>([
  [
    'addi',
    [
      alias('nop', '', (o) => o.rd === 0 && o.rs1 === 0 && o.imm === 0),
      alias('li', '{rd}, {imm}', rs1Zero),
      alias('mv', '{rd}, {rs1}', (o) => o.imm === 0),
    ],
  ],
  ['c.mv', [alias('mv', '{rd}, {rs2}', rs1Zero)]],
  // A hint, not a copy.
  ['c.addi', [alias('addi', '{rd}, {rs1}, {imm}', (o) => o.imm === 0)]],
  ['addiw', [alias('sext.w', '{rd}, {rs1}', (o) => o.imm === 0)]],
  ['xori', [alias('not', '{rd}, {rs1}', (o) => o.imm === -1)]],
  ['andi', [alias('zext.b', '{rd}, {rs1}', (o) => o.imm === 255)]],
  ['sub', [alias('neg', '{rd}, {rs2}', rs1Zero)]],
  ['subw', [alias('negw', '{rd}, {rs2}', rs1Zero)]],
  ['sltiu', [alias('seqz', '{rd}, {rs1}', (o) => o.imm === 1)]],
  ['sltu', [alias('snez', '{rd}, {rs2}', rs1Zero)]],
  ['slt', [alias('sltz', '{rd}, {rs1}', rs2Zero), alias('sgtz', '{rd}, {rs2}', rs1Zero)]],
  ['add.uw', [alias('zext.w', '{rd}, {rs1}', rs2Zero)]],
  ['beq', [alias('beqz', '{rs1}, {target}', rs2Zero)]],
  ['bne', [alias('bnez', '{rs1}, {target}', rs2Zero)]],
  ['bge', [alias('blez', '{rs2}, {target}', rs1Zero), alias('bgez', '{rs1}, {target}', rs2Zero)]],
  ['blt', [alias('bltz', '{rs1}, {target}', rs2Zero), alias('bgtz', '{rs2}, {target}', rs1Zero)]],
  ['jal', [alias('j', '{target}', rdZero), alias('jal', '{target}', (o) => o.rd === 1)]],
  [
    'jalr',
    [
      alias('ret', '', (o) => o.rd === 0 && o.rs1 === 1 && o.imm === 0),
      alias('jr', '{rs1}', (o) => o.rd === 0 && o.imm === 0),
      alias('jr', '{imm}({rs1})', rdZero),
      alias('jalr', '{rs1}', (o) => o.rd === 1 && o.imm === 0),
      alias('jalr', '{imm}({rs1})', (o) => o.rd === 1),
      alias('jalr', '{rd}, {rs1}', (o) => o.imm === 0),
    ],
  ],
  ['fence', [alias('fence', '', (o) => o.imm === 0xff)]],
  [
    'csrrs',
    [
      alias('frflags', '{rd}', csrIs(fflags, rs1Zero)),
      alias('frrm', '{rd}', csrIs(frm, rs1Zero)),
      alias('frcsr', '{rd}', csrIs(fcsr, rs1Zero)),
      alias('rdcycle', '{rd}', csrIs(0xc00, rs1Zero)),
      alias('rdtime', '{rd}', csrIs(0xc01, rs1Zero)),
      alias('rdinstret', '{rd}', csrIs(0xc02, rs1Zero)),
      alias('csrr', '{rd}, {csr}', rs1Zero),
      alias('csrs', '{csr}, {rs1}', rdZero),
    ],
  ],
  [
    'csrrw',
    [
      alias('unimp', '', (o) => o.imm === 0xc00 && o.rd === 0 && o.rs1 === 0),
      ...swapAliases('fsflags', fflags, '{rs1}'),
      ...swapAliases('fsrm', frm, '{rs1}'),
      ...swapAliases('fscsr', fcsr, '{rs1}'),
      alias('csrw', '{csr}, {rs1}', rdZero),
    ],
  ],
  ['csrrc', [alias('csrc', '{csr}, {rs1}', rdZero)]],
  [
    'csrrwi',
    [
      ...swapAliases('fsflagsi', fflags, '{uimm}'),
      ...swapAliases('fsrmi', frm, '{uimm}'),
      alias('csrwi', '{csr}, {uimm}', rdZero),
    ],
  ],
  ['csrrsi', [alias('csrsi', '{csr}, {uimm}', rdZero)]],
  ['csrrci', [alias('csrci', '{csr}, {uimm}', rdZero)]],
  [
    'sfence.vma',
    [alias('sfence.vma', '', (o) => o.rs1 === 0 && o.rs2 === 0), alias('sfence.vma', '{rs1}', rs2Zero)],
  ],
  ...floatMoves('s'),
  ...floatMoves('d'),
]);
