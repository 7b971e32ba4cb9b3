/**
 * Pseudo-instructions of guest code in tests (RISC-V Assembly Programmer's Manual), as rewritings of their text.
 * Branches and calls reach as far as the one instruction that they become; `li` and `la` are in assembler.ts.
 */

type Rewrite = (operands: readonly string[]) => string;

const operand = (operands: readonly string[], index: number): string => operands[index] ?? '';

/** `$1`, `$2`, `$3` stand for operands. */
const template =
  (text: string): Rewrite =>
  (operands) =>
    text.replace(/\$(\d)/g, (_, index: string) => operand(operands, Number(index) - 1));

const byOperands = new Map<string, Rewrite>();

const define = (name: string, operands: number, text: string): void => {
  byOperands.set(`${name}/${operands}`, template(text));
};

define('nop', 0, 'addi zero, zero, 0');
define('mv', 2, 'addi $1, $2, 0');
define('not', 2, 'xori $1, $2, -1');
define('neg', 2, 'sub $1, zero, $2');
define('negw', 2, 'subw $1, zero, $2');
define('sext.w', 2, 'addiw $1, $2, 0');
define('zext.b', 2, 'andi $1, $2, 255');
define('seqz', 2, 'sltiu $1, $2, 1');
define('snez', 2, 'sltu $1, zero, $2');
define('j', 1, 'jal zero, $1');
define('jal', 1, 'jal ra, $1');
define('call', 1, 'jal ra, $1');
define('tail', 1, 'jal zero, $1');
define('jr', 1, 'jalr zero, 0($1)');
define('jalr', 1, 'jalr ra, 0($1)');
define('ret', 0, 'jalr zero, 0(ra)');
define('beqz', 2, 'beq $1, zero, $2');
define('bnez', 2, 'bne $1, zero, $2');
define('blez', 2, 'bge zero, $1, $2');
define('bgez', 2, 'bge $1, zero, $2');
define('bltz', 2, 'blt $1, zero, $2');
define('bgtz', 2, 'blt zero, $1, $2');
define('bgt', 3, 'blt $2, $1, $3');
define('ble', 3, 'bge $2, $1, $3');
define('bgtu', 3, 'bltu $2, $1, $3');
define('bleu', 3, 'bgeu $2, $1, $3');
define('csrr', 2, 'csrrs $1, $2, zero');
define('csrw', 2, 'csrrw zero, $1, $2');
define('csrs', 2, 'csrrs zero, $1, $2');
define('csrc', 2, 'csrrc zero, $1, $2');
define('csrwi', 2, 'csrrwi zero, $1, $2');
define('csrsi', 2, 'csrrsi zero, $1, $2');
define('csrci', 2, 'csrrci zero, $1, $2');
define('rdtime', 1, 'csrrs $1, time, zero');
define('rdcycle', 1, 'csrrs $1, cycle, zero');
define('rdinstret', 1, 'csrrs $1, instret, zero');
define('fence', 0, 'fence iorw, iorw');
define('sfence.vma', 0, 'sfence.vma zero, zero');
define('sfence.vma', 1, 'sfence.vma $1, zero');
for (const width of ['s', 'd']) {
  define(`fmv.${width}`, 2, `fsgnj.${width} $1, $2, $2`);
  define(`fneg.${width}`, 2, `fsgnjn.${width} $1, $2, $2`);
  define(`fabs.${width}`, 2, `fsgnjx.${width} $1, $2, $2`);
}

/** The instruction that a pseudo-instruction stands for; undefined when it is none. */
export function rewritten(name: string, operands: readonly string[]): string | undefined {
  return byOperands.get(`${name}/${operands.length}`)?.(operands);
}

/** What `li` becomes, as texts and as GNU as has it: addi; lui and addiw; or a shorter constant, shifted, plus 12 bits. */
export function loadImmediate(register: string, value: bigint, small = 'addi'): string[] {
  const signed = BigInt.asIntN(64, value);
  if (signed >= -2048n && signed < 2048n) return [`${small} ${register}, zero, ${signed}`];
  const low = BigInt.asIntN(12, signed);
  if (signed >= -(1n << 31n) && signed < 1n << 31n) {
    const upper = BigInt.asUintN(20, (signed - low) >> 12n);
    const lui = `lui ${register}, ${upper}`;
    return low === 0n ? [lui] : [lui, `addiw ${register}, ${register}, ${low}`];
  }
  let high = BigInt.asIntN(52, (signed - low) >> 12n);
  let shift = 12;
  while ((high & 1n) === 0n) {
    high >>= 1n;
    shift++;
  }
  const steps = [...loadImmediate(register, high, 'addiw'), `slli ${register}, ${register}, ${shift}`];
  return low === 0n ? steps : [...steps, `addi ${register}, ${register}, ${low}`];
}
