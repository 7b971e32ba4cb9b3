/** Names of integer registers (RISC-V psABI, "Register Convention") and who saves them. */

const ABI_NAMES = [
  ...['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1'],
  ...['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'],
  ...['s2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'],
];

export const RA = 1;
export const SP = 2;
export const FP = 8;

const INDEX_BY_NAME: ReadonlyMap<string, number> = new Map([
  ...ABI_NAMES.map((name, index) => [name, index] as const),
  ...ABI_NAMES.map((_, index) => [`x${index}`, index] as const),
  ['fp', FP] as const,
]);

/** x-register number of an ABI or architectural name ("a0", "x10", "fp"). */
export const registerIndex = (name: string): number | undefined => INDEX_BY_NAME.get(name);

/** Registers that a called function gives back as they were: sp, gp, tp and s0-s11. */
export const isPreserved = (index: number): boolean =>
  (index >= SP && index <= 4) || index === 8 || index === 9 || (index >= 18 && index <= 27);
