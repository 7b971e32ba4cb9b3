/** A guest that is saved and resumed, for the tests of saved checkpoints. */
import assert from 'node:assert/strict';
import type { CheckpointInfo } from '../../src/timetravel/api';
import type { TimeMachine, TimeMachineOptions } from '../../src/timetravel/time-machine';
import { bareGuest, type BareGuest } from '../support/bare-guest';
import type { MemoryArchive } from '../support/memory-archive';
import { Travel } from './support';

/** Walks over 4 MiB of RAM, writes, counts, and shows a letter now and then; echoes what is typed. */
export const WALKER = `
        li s0, 0
        li s1, 0x80400000
        li s2, 0x10000000
        li s4, 99
        csrr s6, mhartid
        slli t0, s6, 22
        add s1, s1, t0
    loop:
        addi s0, s0, 1
        li t0, 6364136223846793005
        mul s4, s4, t0
        addi s4, s4, 1442
        srli t0, s4, 42
        andi t0, t0, -8
        add t0, t0, s1
        ld t1, (t0)
        add t1, t1, s4
        sd t1, (t0)
        andi t0, s0, 255
        bnez t0, loop
        bnez s6, loop
        srli t0, s0, 8
        andi t0, t0, 15
        addi t0, t0, 65
        sb t0, (s2)
        lbu t0, 5(s2)
        andi t0, t0, 1
        beqz t0, loop
        lbu t0, (s2)
        sb t0, (s2)
        j loop
`;

export const walker = (harts = 1, ramBytes = 32 << 20): BareGuest =>
  bareGuest(WALKER, { harts, ramBytes, quantum: 777 });
export const OPTIONS = { guest: 'walker', savedAt: 1234 };

export async function resumed(
  archive: MemoryArchive,
  id: string,
  guest = walker(),
  more: Partial<TimeMachineOptions> = {},
): Promise<Travel> {
  return new Travel(
    guest,
    {},
    { from: { loaded: await archive.load(id), archivePath: archive.path }, ...more },
  );
}

export const infoOf = (time: TimeMachine, id: string): CheckpointInfo => {
  const info = time.checkpoints().find((each) => each.id === id);
  assert(info, `checkpoint ${id}`);
  return info;
};
export const machineOf = (time: TimeMachine): TimeMachine['recording']['machine'] =>
  time['recording'].machine;
