/** Tables: aligned under a heading on a terminal, and in a pipe one line of fields parted by tabs for each row. */

export interface Column {
  readonly title: string;
  /** Numbers: aligned at their last digit. */
  readonly right?: boolean;
}

/** Where text goes to. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal. */
  readonly width: number;
}

export const standardOutput = (): Output => ({
  write: (text) => void process.stdout.write(text),
  isTerminal: process.stdout.isTTY,
  // A terminal that does not know its own width says 0.
  width: process.stdout.columns || Infinity,
});

/** Cells must not hold control characters. On a terminal the last column is cut at its edge. */
export function writeTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  if (!output.isTerminal) {
    for (const row of rows) output.write(`${row.join('\t')}\n`);
    return;
  }
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, column) =>
    Math.max(...[titles, ...rows].map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return columns[column]?.right === true ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .slice(0, output.width)
      .trimEnd();
  const BOLD = '\u001b[1m';
  const PLAIN = '\u001b[0m';
  output.write(`${BOLD}${line(titles)}${PLAIN}\n`);
  for (const row of rows) output.write(`${line(row)}\n`);
}

/** Names and what they stand for, a line each; in both forms. */
export function writeFields(
  output: Output,
  fields: readonly (readonly [string, string | undefined])[],
): void {
  const shown = fields.filter((field): field is readonly [string, string] => field[1] !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  for (const [name, value] of shown) {
    output.write(output.isTerminal ? `${name.padEnd(width)}  ${value}\n` : `${name}\t${value}\n`);
  }
}
