/** How the demo looks: text with or without colours, source lines, registers, the tree of checkpoints. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { CheckpointNode, CheckpointTree } from '../../src/protocol';

type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly blue: Paint;
  readonly cyan: Paint;
  readonly green: Paint;
  readonly red: Paint;
  readonly yellow: Paint;
}

/** Codes of ECMA-48 (SGR), or nothing at all. */
export function styleOf(colours: boolean): Style {
  const paint =
    (on: number, off: number): Paint =>
    (text) =>
      colours && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    blue: paint(34, 39),
    cyan: paint(36, 39),
    green: paint(32, 39),
    red: paint(31, 39),
    yellow: paint(33, 39),
  };
}

/** `27000213` as `27,000,213`, whatever the locale. */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/gu, ',');

/** Lines around `line`, which is marked. */
export function sourceLines(text: string, line: number, style: Style, around = 2): string[] {
  const lines = text.split('\n');
  const first = Math.max(1, line - around);
  const shown = lines.slice(first - 1, line + around);
  return shown.map((content, at) => {
    const number = String(first + at).padStart(4);
    const code = content.replaceAll('\t', '    ');
    return first + at === line
      ? `${style.yellow(`▶${number}`)}  ${style.bold(code)}`
      : style.dim(` ${number}  ${code}`.trimEnd());
  });
}

/** Three registers a line; leading zeros stand back. */
export function registerLines(
  registers: readonly DebugProtocol.Variable[],
  names: readonly string[],
  style: Style,
): string[] {
  const cells = names.map((name) => {
    const value = registers.find((one) => one.name === name)?.value ?? 'not there';
    const [, zeros = '', digits = value] = /^(0x0*)(.+)$/u.exec(value) ?? [];
    return `${style.cyan(name.padStart(7))} ${style.dim(zeros)}${digits}`;
  });
  const rows: string[] = [];
  for (let at = 0; at < cells.length; at += 3) rows.push(cells.slice(at, at + 3).join('  '));
  return rows;
}

/** `on_bell:47 ← transfer:60 ← main:96`, innermost first. */
export const stackLine = (frames: readonly DebugProtocol.StackFrame[], style: Style): string =>
  frames
    .map(({ name, line }) => (line > 0 ? `${name}${style.dim(`:${line}`)}` : name))
    .join(style.dim(' ← '));

/** Words of a list in lines of at most `width`. */
export function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + word.length <= width)
      lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The checkpoints taken by hand, children below their parents. */
export function treeLines({ nodes, current }: CheckpointTree, style: Style): string[] {
  const byHand = nodes.filter(({ automatic }) => !automatic);
  const draw = (node: CheckpointNode, lead: string, indent: string): string[] => {
    const children = byHand.filter(({ parent }) => parent === node.id);
    const name = node.name ?? node.id;
    const isHere = node.instret === current.instret && node.branch === current.branch;
    const plain = `${lead}● ${name}`;
    const title = style.dim(lead) + (isHere ? style.yellow(`● ${name}`) : `● ${style.bold(name)}`);
    const facts = `${grouped(node.instret).padStart(12)}  branch ${node.branch}  ${node.where ?? node.pc}`;
    const row = `${title}${' '.repeat(Math.max(1, 34 - plain.length))}${style.dim(facts)}`;
    return [
      isHere ? `${row} ${style.yellow('◀ you are here')}` : row,
      ...children.flatMap((child, at) => {
        const isLast = at === children.length - 1;
        return draw(child, `${indent}${isLast ? '└─' : '├─'}`, `${indent}${isLast ? '  ' : '│ '}`);
      }),
    ];
  };
  return byHand.filter(({ parent }) => parent === undefined).flatMap((root) => draw(root, '', ''));
}
