/** Finds the programs of the workspace that can be debugged. */
import * as vscode from 'vscode';
import { isRiscvElf, likelyFirmware, mayBeProgram } from './elfHead';

/** Files looked at and programs listed: more would make the list slow and useless. */
const CANDIDATES_MAX = 2000;
/** VS Code reads whole files only; a bigger file that is named like a program is taken for one. */
const READ_BYTES_MAX = 64 * 2 ** 20;

export interface Program {
  readonly uri: vscode.Uri;
  /** What it likely runs on. */
  readonly firmware: 'none' | 'builtin';
}

/** Undefined for a file that is no program of ours, or cannot be read. */
async function programAt(uri: vscode.Uri): Promise<Program | undefined> {
  try {
    const { size, type } = await vscode.workspace.fs.stat(uri);
    if ((type & vscode.FileType.File) === 0) return undefined;
    if (size > READ_BYTES_MAX) {
      return /\.elf$|\/vmlinux/u.test(uri.path) ? { uri, firmware: 'builtin' } : undefined;
    }
    const bytes = await vscode.workspace.fs.readFile(uri);
    return isRiscvElf(bytes) ? { uri, firmware: likelyFirmware(bytes) } : undefined;
  } catch {
    // Gone or not readable: nothing that can be started.
    return undefined;
  }
}

/** In the order of their paths. */
export async function findPrograms(token?: vscode.CancellationToken): Promise<Program[]> {
  const excluded = '**/{node_modules,.git,.cache}/**';
  const files = await vscode.workspace.findFiles('**/*', excluded, CANDIDATES_MAX, token);
  const programs = await Promise.all(files.filter((uri) => mayBeProgram(uri.path)).map(programAt));
  return programs
    .filter((program) => program !== undefined)
    .sort((a, b) => (a.uri.path < b.uri.path ? -1 : 1));
}

/** Asks which one; undefined when the user turned away. */
export async function pickProgram(): Promise<Program | undefined> {
  const browse = { label: '$(folder-opened) Browse…', program: undefined };
  const found = (await findPrograms()).map((program) => ({
    label: vscode.workspace.asRelativePath(program.uri),
    program,
  }));
  const title = 'RISC-V program to debug';
  const chosen = await vscode.window.showQuickPick([...found, browse], { title, placeHolder: title });
  if (!chosen || chosen.program) return chosen?.program;
  const [uri] = (await vscode.window.showOpenDialog({ title, canSelectMany: false })) ?? [];
  // Whatever the user chose goes to the adapter, which says what is wrong with it.
  return uri && ((await programAt(uri)) ?? { uri, firmware: 'builtin' });
}

/** The program that the active editor's tab shows, if it is one. */
export async function activeProgram(): Promise<Program | undefined> {
  const input: unknown = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (typeof input !== 'object' || input === null || !('uri' in input)) return undefined;
  return input.uri instanceof vscode.Uri ? programAt(input.uri) : undefined;
}
