/** Names of the integer and floating point registers (RISC-V ABIs Specification, "Register Convention"). */

/** ABI name of x0..x31. */
export const integerRegisterNames: readonly string[] = [
  ...['zero', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1'],
  ...['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'],
  ...['s2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11'],
  ...['t3', 't4', 't5', 't6'],
];

/** ABI name of f0..f31. */
export const floatRegisterNames: readonly string[] = [
  ...['ft0', 'ft1', 'ft2', 'ft3', 'ft4', 'ft5', 'ft6', 'ft7', 'fs0', 'fs1'],
  ...['fa0', 'fa1', 'fa2', 'fa3', 'fa4', 'fa5', 'fa6', 'fa7'],
  ...['fs2', 'fs3', 'fs4', 'fs5', 'fs6', 'fs7', 'fs8', 'fs9', 'fs10', 'fs11'],
  ...['ft8', 'ft9', 'ft10', 'ft11'],
];

export interface RegisterRef {
  readonly file: 'x' | 'f';
  /** 0..31 */
  readonly number: number;
}

const byName = new Map<string, RegisterRef>([['fp', { file: 'x', number: 8 }]]);
for (const [file, names] of [
  ['x', integerRegisterNames],
  ['f', floatRegisterNames],
] as const) {
  names.forEach((name, number) => {
    byName.set(name, { file, number });
    byName.set(`${file}${number}`, { file, number });
  });
}

/** The register of an ABI name ("a0", "fp", "fa0") or a numeric one ("x10", "f10"); undefined for other names. */
export const registerByName = (name: string): RegisterRef | undefined => byName.get(name);
