/** Small questions about the symbols that several groups of requests ask. */
import type { Symbols } from '../symbols/symbols';

interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

export const contains = (range: Range, address: bigint): boolean =>
  address >= range.start && address < range.end;

/** First address behind the prologue of the function that holds `address`; the function's start when it has none. */
export function bodyOf(symbols: Symbols, address: bigint): bigint {
  const range = symbols.functionAt(address);
  if (range === undefined) return address;
  return symbols.breakpointAddressesOf(range.name).find((body) => contains(range, body)) ?? range.start;
}

/** `main+0x1c`, or undefined where there is no function. */
export function symbolicName(symbols: Symbols, address: bigint): string | undefined {
  const range = symbols.functionAt(address);
  if (range === undefined) return undefined;
  return address === range.start ? range.name : `${range.name}+0x${(address - range.start).toString(16)}`;
}

/** `fill (demo.c:31)`, `fill+0x1c`, or undefined. */
export function whereabouts(symbols: Symbols, address: bigint): string | undefined {
  const name = symbols.functionAt(address)?.name;
  const row = symbols.lineAt(address);
  if (row === undefined) return symbolicName(symbols, address);
  const place = `${baseName(row.file)}:${row.line}`;
  return name === undefined ? place : `${name} (${place})`;
}

export const baseName = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

export const hexAddress = (address: bigint): string => `0x${address.toString(16)}`;
