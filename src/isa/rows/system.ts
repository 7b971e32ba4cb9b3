/**
 * CSR access, cache-block operations, and the privileged instructions (Zicsr, Zicbom, Zicboz; privileged specification,
 * Svinval). Their work is the engine's. For csrr?i the 5-bit immediate is in operands.rs1, the CSR number in imm.
 */
import { extension } from '../encoding';
import type { Row, Semantics, SystemOperation } from '../types';
import { system } from './i';

const zicsr = extension('zicsr');

const csrAccess = (name: string, operation: 'rw' | 'rs' | 'rc', source: 'rs1' | 'uimm'): Semantics => ({
  name,
  uses: source === 'rs1' ? ['rd', 'rs1', 'imm'] : ['rd', 'imm'],
  pure: false,
  emit: (c) => c.csr(operation, source),
});

const csrRow = (name: string, funct3: string, operation: 'rw' | 'rs' | 'rc', source: 'rs1' | 'uimm'): Row =>
  zicsr(
    name,
    `csr ${source === 'rs1' ? 'rs1' : 'uimm5'} ${funct3} rd 1110011`,
    `{rd}, {csr}, {${source}}`,
    csrAccess(name, operation, source),
  );

const cacheBlock = (extensionName: string, name: SystemOperation, code: string): Row =>
  extension(extensionName)(name, `${code} rs1 010 00000 0001111`, '({rs1})', system(name, ['rs1']));

const privileged = extension('privileged');
const svinval = extension('svinval');
const rest = '000 00000 1110011';

export const systemRows: readonly Row[] = [
  csrRow('csrrw', '001', 'rw', 'rs1'),
  csrRow('csrrs', '010', 'rs', 'rs1'),
  csrRow('csrrc', '011', 'rc', 'rs1'),
  csrRow('csrrwi', '101', 'rw', 'uimm'),
  csrRow('csrrsi', '110', 'rs', 'uimm'),
  csrRow('csrrci', '111', 'rc', 'uimm'),
  cacheBlock('zicbom', 'cbo.inval', '000000000000'),
  cacheBlock('zicbom', 'cbo.clean', '000000000001'),
  cacheBlock('zicbom', 'cbo.flush', '000000000010'),
  cacheBlock('zicboz', 'cbo.zero', '000000000100'),
  privileged('sret', `0001000 00010 00000 ${rest}`, '', system('sret')),
  privileged('mret', `0011000 00010 00000 ${rest}`, '', system('mret')),
  privileged('wfi', `0001000 00101 00000 ${rest}`, '', system('wfi')),
  privileged('sfence.vma', `0001001 rs2 rs1 ${rest}`, '{rs1}, {rs2}', system('sfence.vma', ['rs1', 'rs2'])),
  svinval('sinval.vma', `0001011 rs2 rs1 ${rest}`, '{rs1}, {rs2}', system('sinval.vma', ['rs1', 'rs2'])),
  svinval('sfence.w.inval', `0001100 00000 00000 ${rest}`, '', system('sfence.w.inval')),
  svinval('sfence.inval.ir', `0001100 00001 00000 ${rest}`, '', system('sfence.inval.ir')),
];
