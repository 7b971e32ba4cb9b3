/** Changes of guest state by the debugger (I7): checked, then handed on as input (I2). */
import { userError } from '../base/errors';
import { csrByNumber } from '../isa/csr';
import type { Pokes } from './api';
import { physicalParts } from './hart-view';
import type { Input } from './log';
import type { Recording } from './recording';

export const pokesOf = (recording: Recording, change: (input: Input) => void): Pokes => ({
  setPc: (hart, value) => {
    change({ kind: 'pc', hart, value: value & ~1n });
  },
  setX: (hart, index, value) => {
    change({ kind: 'x', hart, index, value: BigInt.asUintN(64, value) });
  },
  setF: (hart, index, bits) => {
    change({ kind: 'f', hart, index, value: BigInt.asUintN(64, bits) });
  },
  setCsr: (hart, number, value) => {
    const row = csrByNumber(number);
    if (!row) throw userError('CSR_UNKNOWN', `This machine has no CSR 0x${number.toString(16)}.`);
    if (number >> 10 === 3 || row.behaviour.kind === 'constant') {
      throw userError('CSR_READ_ONLY', `${row.name} cannot be written.`);
    }
    change({ kind: 'csr', hart, number, value: BigInt.asUintN(64, value) });
  },
  writeMemory: (hart, address, bytes) => {
    const parts = physicalParts(recording, hart, address, bytes);
    for (const part of parts ?? []) change({ kind: 'memory', ...part });
    return parts !== undefined;
  },
  writePhysical: (address, bytes) => {
    if (!recording.machine.memory.contains(Number(address), bytes.length)) return false;
    change({ kind: 'memory', address, bytes: bytes.slice() });
    return true;
  },
});
