/** Short forms for cells at constant addresses of the linear memory. */
import { i32, type FunctionBuilder, type I32, type I32Like, type I64, type I64Like } from '../../wasm';

export const cell32 = (address: number): I32 => i32(0).load32(address);
export const cell64 = (address: number): I64 => i32(0).load64(address);
export const setCell32 = (f: FunctionBuilder, address: number, value: I32Like): void => {
  f.store32(0, value, address);
};
export const setCell64 = (f: FunctionBuilder, address: number, value: I64Like): void => {
  f.store64(0, value, address);
};

/** Bits of mstatus (privileged spec 3.1.6). */
export const MSTATUS = {
  SIE: 1n << 1n,
  MIE: 1n << 3n,
  SPIE: 1n << 5n,
  MPIE: 1n << 7n,
  SPP: 1n << 8n,
  MPP: 3n << 11n,
  FS: 3n << 13n,
  MPRV: 1n << 17n,
  SUM: 1n << 18n,
  MXR: 1n << 19n,
  TVM: 1n << 20n,
  TW: 1n << 21n,
  TSR: 1n << 22n,
  UXL: 2n << 32n,
  SXL: 2n << 34n,
  SD: 1n << 63n,
} as const;

/** Bits of menvcfg (privileged spec 3.1.18). */
export const MENVCFG = {
  FIOM: 1n,
  CBIE: 3n << 4n,
  CBCFE: 1n << 6n,
  CBZE: 1n << 7n,
  ADUE: 1n << 61n,
  PBMTE: 1n << 62n,
  STCE: 1n << 63n,
} as const;

export const bit = (value: I64, mask: bigint): I32 => value.and(mask).ne(0n);
