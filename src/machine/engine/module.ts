/** Puts the engine's WebAssembly module together. The bytes depend on nothing but the tables: one module serves all. */
import { I32T, I64T, ModuleBuilder } from '../../wasm';
import { FRAMES_BASE, H } from '../layout';
import { emitAccess } from './access';
import type { EngineFunctions } from './context';
import { emitCsr } from './csr';
import { emitFetch } from './fetch';
import { emitHash } from './hash';
import { emitInterpreter } from './interpreter';
import { emitMemory } from './memory';
import { emitMmu } from './mmu';
import { emitSoftFloat } from './softfloat';
import { emitTlb } from './tlb';
import { emitTraps } from './traps';

/** What the engine calls. Addresses are byte addresses of the linear memory. */
export interface EngineImports {
  moreFrames(): void;
  pageIn(ramPage: number): number;
  mmioRead(sizeBytes: number): number;
  mmioWrite(sizeBytes: number): number;
  slotEvicted(slot: number): void;
  markBreakpoints(slotBase: number, pageVa: bigint): void;
  pmpWrite(csrNumber: number): void;
  instructionBits(): bigint;
  decode(record: number, slotBase: number): void;
  decodeAside(record: number, slotBase: number): number;
  decodeCrossing(record: number, slotBase: number, secondHalf: number): number;
}

/** What the engine offers. */
export interface EngineExports {
  run(): number;
  updateContext(): void;
  flushTlb(): void;
  flushPage(virtualAddress: bigint): void;
  /** See MmuFunctions.walk. */
  walk(virtualAddress: bigint, access: number, privilege: number, sum: number, mxr: number): bigint;
  frameOf(physicalAddress: bigint): number;
  writableFrame(ramPage: number): number;
  forgetRecords(frame: number, offset: number, sizeBytes: number): void;
  csrRead(number: number): bigint;
  csrWrite(number: number, value: bigint): void;
  hashRam(): bigint;
  hashFrame(frame: number): bigint;
  raise(cause: number, tval: bigint): void;
  takeTrap(): number;
}

/** Pages of 64 KiB that hold everything before the page frames. */
export const TABLE_PAGES = FRAMES_BASE / 65536;

export interface EngineModule {
  readonly builder: ModuleBuilder;
  readonly functions: EngineFunctions;
}

/** The module as a builder that may be added to (a translator, a test of it); encode() finishes it. */
export function buildEngine(): EngineModule {
  const m = new ModuleBuilder();
  m.importMemory({
    module: 'env',
    name: 'memory',
    initialPages: TABLE_PAGES + 1,
    maximumPages: 65536,
    shared: true,
  });
  const imports = {
    moreFrames: m.importFunction('env', 'moreFrames', []),
    pageIn: m.importFunction('env', 'pageIn', [I32T], I32T),
    mmioRead: m.importFunction('env', 'mmioRead', [I32T], I32T),
    mmioWrite: m.importFunction('env', 'mmioWrite', [I32T], I32T),
    slotEvicted: m.importFunction('env', 'slotEvicted', [I32T]),
    markBreakpoints: m.importFunction('env', 'markBreakpoints', [I32T, I64T]),
    pmpWrite: m.importFunction('env', 'pmpWrite', [I32T]),
    instructionBits: m.importFunction('env', 'instructionBits', [], I64T),
    decode: m.importFunction('env', 'decode', [I32T, I32T]),
    decodeAside: m.importFunction('env', 'decodeAside', [I32T, I32T], I32T),
    decodeCrossing: m.importFunction('env', 'decodeCrossing', [I32T, I32T, I32T], I32T),
  };
  const memory = emitMemory(m, imports);
  const mmu = emitMmu(m, memory);
  const tlb = emitTlb(m);
  const access = emitAccess(m, memory, mmu, tlb, imports);
  const fetch = emitFetch(m, memory, mmu, tlb, imports);
  const csr = emitCsr(m, tlb, imports);
  const traps = emitTraps(m, tlb);
  const float = emitSoftFloat(m, { flagsAddress: H.fflags });
  const functions: EngineFunctions = {
    access,
    fetch,
    tlb,
    csr,
    traps,
    mmu,
    float,
    instructionBits: imports.instructionBits,
  };
  const run = emitInterpreter(m, functions, imports);
  const hash = emitHash(m, imports.pageIn);
  const exported = {
    run,
    updateContext: tlb.updateContext,
    flushTlb: tlb.flushTlb,
    flushPage: tlb.flushPage,
    walk: mmu.walk,
    frameOf: memory.frameOf,
    writableFrame: memory.writableFrame,
    forgetRecords: memory.forgetRecords,
    csrRead: csr.read,
    csrWrite: csr.write,
    hashRam: hash.hashRam,
    hashFrame: hash.hashFrame,
    raise: mmu.raise,
    takeTrap: traps.takeTrap,
  };
  for (const [name, ref] of Object.entries(exported)) m.export(name, ref);
  return { builder: m, functions };
}
