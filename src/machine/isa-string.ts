/** The ISA string of the machine, as QEMU writes it in the device tree, from one list. */

/** Multi-letter extensions, in the canonical order of the ISA naming chapter. */
export const EXTENSIONS: readonly string[] = [
  'zicbom',
  'zicbop',
  'zicboz',
  'zicntr',
  'zicsr',
  'zifencei',
  'zihintpause',
  'zihpm',
  'zba',
  'zbb',
  'zbc',
  'zbs',
  'sstc',
  'svadu',
  'svinval',
  'svnapot',
  'svpbmt',
];

/** Single letters of RV64GC. */
const LETTERS = ['i', 'm', 'a', 'f', 'd', 'c'];

export const isaExtensions = (svadu: boolean): string[] => [
  ...LETTERS,
  ...EXTENSIONS.filter((name) => svadu || name !== 'svadu'),
];

export const isaString = (svadu: boolean): string =>
  [`rv64${LETTERS.join('')}`, ...EXTENSIONS.filter((name) => svadu || name !== 'svadu')].join('_');
