/** The outside judge of the disassembler: GNU objdump over raw instruction bytes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const judgeTools = [
  'riscv64-unknown-elf-as',
  'riscv64-unknown-elf-objcopy',
  'riscv64-unknown-elf-objdump',
];

/** What the machine has, so that objdump knows it too. */
const arch = 'rv64imafdc_zicsr_zifencei_zihintpause_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz_svinval';

/** objdump's text of each instruction, by its offset in `code`: "addi a0,a0,1". */
export function objdump(
  code: Uint8Array,
  options: { aliases: boolean; numeric?: boolean },
): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'objdump-'));
  const run = (tool: string, ...args: string[]): string =>
    execFileSync(`riscv64-unknown-elf-${tool}`, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
  try {
    writeFileSync(join(folder, 'code.bin'), code);
    writeFileSync(join(folder, 'code.s'), `.attribute arch, "${arch}"\n.text\n.incbin "code.bin"\n`);
    run('as', `-march=${arch}`, 'code.s', '-o', 'code.o');
    // Without the mapping symbols, which say that .incbin brings data.
    run('objcopy', '--strip-all', 'code.o', 'stripped.o');
    const flags = [...(options.aliases ? [] : ['no-aliases']), ...(options.numeric ? ['numeric'] : [])];
    const dumped = run(
      'objdump',
      '-Dz',
      ...flags.flatMap((flag) => ['-M', flag]),
      '-j',
      '.text',
      'stripped.o',
    );
    return parse(dumped);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parse(dumped: string): Map<number, string> {
  const texts = new Map<number, string>();
  for (const line of dumped.split('\n')) {
    const [, offset, text] = /^\s*([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/.exec(line) ?? [];
    if (offset !== undefined && text !== undefined) texts.set(parseInt(offset, 16), text);
  }
  return texts;
}

/** Instructions whose immediate form binutils up to 2.40 writes without its `i` when aliases are on. */
const shortened =
  /^(add|and|or|xor|sll|srl|sra|slt|sltu|ror|addw|sllw|srlw|sraw|rorw|bclr|bext|binv|bset|csr[wsc]|csrr[wsc])$/;

/** objdump's text in our form: one space, no comments, immediate forms with their own names. */
export function canonical(text: string): string {
  const [, mnemonic = '', written = ''] = /^(\S+)\s*(.*?)\s*(#.*)?$/.exec(text.replace(/\t/g, ' ')) ?? [];
  let name = mnemonic;
  if (shortened.test(mnemonic) && /,-?(0x[0-9a-f]+|[0-9]+)$/.test(written)) {
    const isWord = mnemonic.endsWith('w') && !mnemonic.startsWith('csr');
    name = isWord ? `${mnemonic.slice(0, -1)}iw` : `${mnemonic}i`;
  }
  // Later versions write the dynamic rounding mode.
  let operands = written.replace(/,dyn$/, '');
  // fsrmi and fsflagsi without a destination: binutils writes it out.
  if (/^fs(rm|flags)i$/.test(name)) operands = operands.replace(/^(zero|x0),/, '');
  return operands ? `${name} ${operands}` : name;
}
