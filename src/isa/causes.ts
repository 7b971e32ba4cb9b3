/** Trap causes: the codes of mcause and scause (privileged specification, table "Machine cause register values"). */

export interface Cause {
  /** The value without the interrupt bit. */
  readonly code: number;
  readonly interrupt: boolean;
  /** A short name for code and settings: "load_page_fault". */
  readonly id: string;
  /** As the specification writes it. */
  readonly description: string;
}

/** Exception codes by name. */
export const exceptionCode = {
  instruction_address_misaligned: 0,
  instruction_access_fault: 1,
  illegal_instruction: 2,
  breakpoint: 3,
  load_address_misaligned: 4,
  load_access_fault: 5,
  store_address_misaligned: 6,
  store_access_fault: 7,
  ecall_from_u: 8,
  ecall_from_s: 9,
  ecall_from_m: 11,
  instruction_page_fault: 12,
  load_page_fault: 13,
  store_page_fault: 15,
} as const;

/** Interrupt codes by name: the bit numbers of mip and mie. */
export const interruptCode = {
  supervisor_software: 1,
  machine_software: 3,
  supervisor_timer: 5,
  machine_timer: 7,
  supervisor_external: 9,
  machine_external: 11,
} as const;

const descriptions: Readonly<Record<keyof typeof exceptionCode | keyof typeof interruptCode, string>> = {
  instruction_address_misaligned: 'Instruction address misaligned',
  instruction_access_fault: 'Instruction access fault',
  illegal_instruction: 'Illegal instruction',
  breakpoint: 'Breakpoint',
  load_address_misaligned: 'Load address misaligned',
  load_access_fault: 'Load access fault',
  store_address_misaligned: 'Store/AMO address misaligned',
  store_access_fault: 'Store/AMO access fault',
  ecall_from_u: 'Environment call from U-mode',
  ecall_from_s: 'Environment call from S-mode',
  ecall_from_m: 'Environment call from M-mode',
  instruction_page_fault: 'Instruction page fault',
  load_page_fault: 'Load page fault',
  store_page_fault: 'Store/AMO page fault',
  supervisor_software: 'Supervisor software interrupt',
  machine_software: 'Machine software interrupt',
  supervisor_timer: 'Supervisor timer interrupt',
  machine_timer: 'Machine timer interrupt',
  supervisor_external: 'Supervisor external interrupt',
  machine_external: 'Machine external interrupt',
};

const listed = (codes: Readonly<Record<string, number>>, interrupt: boolean): Cause[] =>
  Object.entries(codes).map(([id, code]) => ({
    code,
    interrupt,
    id,
    description: (descriptions as Readonly<Record<string, string>>)[id] ?? id,
  }));

/** All causes: exceptions, then interrupts, each by code. */
export const causes: readonly Cause[] = [...listed(exceptionCode, false), ...listed(interruptCode, true)];

/** The cause that a value of mcause or scause (64 bits, bit 63 = interrupt) names; undefined when reserved. */
export function causeOf(value: bigint): Cause | undefined {
  const interrupt = ((value >> 63n) & 1n) === 1n;
  const code = BigInt.asUintN(63, value);
  return causes.find((cause) => cause.interrupt === interrupt && BigInt(cause.code) === code);
}
