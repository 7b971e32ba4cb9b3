/** Debug configurations: completes what a launch.json says, and makes one up where there is none. */
import * as vscode from 'vscode';
import { activeProgram, findPrograms, pickProgram } from './programs';
import { DEBUG_TYPE } from './sessions';

export class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  /** What a new launch.json is filled with. */
  async provideDebugConfigurations(
    folder: vscode.WorkspaceFolder | undefined,
  ): Promise<vscode.DebugConfiguration[]> {
    const launches = await this.launchesOf(folder);
    return launches.length > 0 ? launches : [launchOf('${command:chronovisor.pickProgram}')];
  }

  /** A launch for each program in the folder, as "Select and Start Debugging" lists them. */
  async launchesOf(
    folder: vscode.WorkspaceFolder | undefined,
    token?: vscode.CancellationToken,
  ): Promise<vscode.DebugConfiguration[]> {
    const programs = await findPrograms(token);
    const inFolder = programs.filter(
      (uri) => !folder || vscode.workspace.getWorkspaceFolder(uri)?.index === folder.index,
    );
    return inFolder.map((uri) => {
      const path = vscode.workspace.asRelativePath(uri, false);
      return { ...launchOf(`\${workspaceFolder}/${path}`), name: `Debug ${path}` };
    });
  }

  async resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    const isEmpty = Object.keys(given).length === 0 || given.type === '';
    const configuration = isEmpty ? launchOf(undefined) : { ...given };
    if (configuration['program'] === undefined || configuration['program'] === '') {
      const program = await this.chooseProgram();
      // Undefined calls the launch off without a message: the user turned away from the list.
      if (program === undefined) return undefined;
      configuration['program'] = program;
    }
    if (configuration['console'] !== 'debugConsole') {
      // The guest's console comes to the front; the debug console would take its place in the panel.
      configuration.internalConsoleOptions ??= 'neverOpen';
    }
    return configuration;
  }

  /** Relative paths are relative to the workspace folder; the adapter's process has another working folder. */
  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration {
    return folder && given['cwd'] === undefined ? { ...given, cwd: folder.uri.fsPath } : given;
  }

  private async chooseProgram(): Promise<string | undefined> {
    const active = await activeProgram();
    if (active) return active.fsPath;
    const [only, ...others] = await findPrograms();
    return only && others.length === 0 ? only.fsPath : pickProgram();
  }
}

const launchOf = (program: string | undefined): vscode.DebugConfiguration => ({
  type: DEBUG_TYPE,
  request: 'launch',
  name: 'Debug RISC-V guest',
  stopOnEntry: true,
  ...(program === undefined ? {} : { program }),
});
