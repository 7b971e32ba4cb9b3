/** Texts of SBI calls for guests under the builtin firmware. */
import { Bench, type BareOptions } from '../support/bare-guest';

/** Extension ids (SBI 2.0). */
export const BASE = 0x10;
export const TIME = 0x54494d45;
export const IPI = 0x735049;
export const RFENCE = 0x52464e43;
export const HSM = 0x48534d;
export const SRST = 0x53525354;
export const DBCN = 0x4442434e;

export const supervisor = (source: string, options: BareOptions = {}): Bench =>
  new Bench(source, { firmware: 'builtin', ...options });

/** The text of a call; its results are in a0 and a1. */
export const call = (extension: number, fid: number, ...args: (number | string)[]): string =>
  [
    ...args.map((value, index) =>
      typeof value === 'string' ? `la a${index}, ${value}` : `li a${index}, ${value}`,
    ),
    `li a7, ${extension}`,
    `li a6, ${fid}`,
    'ecall',
  ].join('\n');

export const NOT_SUPPORTED = -2n;
export const INVALID_PARAM = -3n;
export const INVALID_ADDRESS = -5n;
export const ALREADY_AVAILABLE = -6n;
