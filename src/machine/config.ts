/** What a machine is made of. */
import type { DiskPort } from './device';

/** Bytes to be placed in RAM at power-on. */
export interface LoadSegment {
  /** Physical. */
  readonly address: number;
  readonly bytes: Uint8Array;
  /** At least bytes.length; the rest is zero. */
  readonly sizeBytes: number;
}

export interface DiskConfig {
  readonly port: DiskPort;
  /** virtio-mmio slot 0..7; the last free one when not given. */
  readonly slot?: number;
  readonly serial?: string;
  /** The host could not do what the guest asked of the disk; the guest sees an I/O error. */
  readonly onError?: (message: string) => void;
  /** The guest is gone: called once, by whoever disposes of it. */
  readonly onDispose?: () => void;
}

/** How the harts start; made by boot.ts from what the user gave. */
export interface BootPlan {
  readonly segments: readonly LoadSegment[];
  /** `reset`: all harts in M-mode at the reset vector. `sbi`: hart 0 in S-mode, the built-in firmware serves. */
  readonly mode: 'reset' | 'sbi';
  /** Where the reset vector jumps, or where hart 0 starts. */
  readonly entry: number;
  /** For OpenSBI's fw_dynamic: the next stage. */
  readonly nextEntry: number;
  readonly fdtAddress: number;
  readonly deviceTree: Uint8Array;
  /** Physical address of `tohost`, if the program has one. */
  readonly tohost?: number;
  readonly fromhost?: number;
}

export interface MachineConfig {
  readonly ramBytes: number;
  /** 1..8 */
  readonly harts: number;
  readonly boot: BootPlan;
  readonly disks?: readonly DiskConfig[];
  /** Instructions in a hart's turn. */
  readonly quantum?: number;
  /** Hardware updates of A and D (Svadu); off, menvcfg.ADUE is 0 and they fault. On by default. */
  readonly svadu?: boolean;
  /** virtio-mmio version 1. */
  readonly legacyVirtio?: boolean;
  readonly rtcStartNs?: bigint;
  readonly seed?: bigint;
}

/**
 * Instructions in one tick of 100 ns: a machine of 200 MIPS, near to what the interpreter does, so that a guest's
 * delays last about as long as they say. See docs/decisions/0002-time.md.
 */
export const INSTRUCTIONS_PER_TICK = 20;
/** Instructions in a hart's turn: short enough that a hart spinning for another wastes < 50 µs. See bench/harts. */
export const DEFAULT_QUANTUM = 5000;
/** Instructions in one call of the engine, at most: V8 replaces baseline code only between calls. */
export const MAX_SLICE = 1_000_000;
