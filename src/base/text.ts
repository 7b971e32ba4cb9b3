/** Numbers and foreign texts as people read them, the same in the command line and in the editor. */

/** `12,345,678`, whatever the host's language: it is also what people type back. */
export const formatInstret = (instret: number): string => String(instret).replace(/\B(?=(?:\d{3})+$)/gu, ',');

/** `640 KiB`, `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : String(Math.round(value))} ${units[unit] ?? ''}`;
}

/**
 * The lines that show something, of a text that a guest or a file gave: no escape sequences and no control characters, so
 * that it can do nothing to the terminal that it is shown in.
 */
export const plainLines = (text: string): string[] =>
  text
    .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|.)/gu, '')
    .split(/[\r\n]+/u)
    .map((line) =>
      line.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '').trim(),
    )
    .filter((line) => line !== '');
