/** Finds the programs of the workspace that can be debugged. */
import * as vscode from 'vscode';
import { isRiscvElf, mayBeProgram } from './elfHead';

/** Files looked at and programs listed: more would make the list slow and useless. */
const CANDIDATES_MAX = 2000;
/** VS Code reads whole files only; a bigger file that is named like a program is taken for one. */
const READ_BYTES_MAX = 64 * 2 ** 20;

export async function isProgram(uri: vscode.Uri): Promise<boolean> {
  try {
    const { size, type } = await vscode.workspace.fs.stat(uri);
    if ((type & vscode.FileType.File) === 0) return false;
    if (size > READ_BYTES_MAX) return /\.elf$|\/vmlinux/u.test(uri.path);
    return isRiscvElf(await vscode.workspace.fs.readFile(uri));
  } catch {
    // Gone or not readable: nothing that can be started.
    return false;
  }
}

/** In the order of their paths. */
export async function findPrograms(token?: vscode.CancellationToken): Promise<vscode.Uri[]> {
  const excluded = '**/{node_modules,.git,.cache}/**';
  const files = await vscode.workspace.findFiles('**/*', excluded, CANDIDATES_MAX, token);
  const candidates = files.filter((uri) => mayBeProgram(uri.path));
  const programs = await Promise.all(candidates.map(async (uri) => ((await isProgram(uri)) ? [uri] : [])));
  return programs.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Asks which one; undefined when the user turned away. */
export async function pickProgram(): Promise<string | undefined> {
  const browse = { label: '$(folder-opened) Browse…', uri: undefined };
  const found = (await findPrograms()).map((uri) => ({
    label: vscode.workspace.asRelativePath(uri),
    uri,
  }));
  const title = 'RISC-V program to debug';
  const chosen = await vscode.window.showQuickPick([...found, browse], { title, placeHolder: title });
  if (!chosen) return undefined;
  if (chosen.uri) return chosen.uri.fsPath;
  const [file] = (await vscode.window.showOpenDialog({ title, canSelectMany: false })) ?? [];
  return file?.fsPath;
}

/** The program that the active editor's tab shows, if it is one. */
export async function activeProgram(): Promise<vscode.Uri | undefined> {
  const input: unknown = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (typeof input !== 'object' || input === null || !('uri' in input)) return undefined;
  const { uri } = input;
  return uri instanceof vscode.Uri && (await isProgram(uri)) ? uri : undefined;
}
