/** Debug configurations: completes what a launch.json says, and makes one up where there is none. */
import * as vscode from 'vscode';
import { activeProgram, findPrograms, pickProgram, type Program } from './programs';
import { DEBUG_TYPE } from './sessions';

export class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  constructor(
    /** Where checkpoints are saved when a configuration does not say where. */
    private readonly storePath: string,
  ) {}

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
      ({ uri }) => !folder || vscode.workspace.getWorkspaceFolder(uri)?.index === folder.index,
    );
    return inFolder.map(({ uri, firmware }) => {
      const path = vscode.workspace.asRelativePath(uri, false);
      return { ...launchOf(`\${workspaceFolder}/${path}`), name: `Debug ${path}`, firmware };
    });
  }

  async resolveDebugConfiguration(
    _folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): Promise<vscode.DebugConfiguration | undefined> {
    // Without a launch.json VS Code sends no more than perhaps `noDebug`, whatever the type promises.
    const type: unknown = given.type;
    const isEmpty = type === undefined || type === '';
    const configuration = isEmpty ? { ...given, ...launchOf() } : { ...given };
    // A checkpoint says itself which program it is of.
    const isFresh = configuration['checkpoint'] === undefined || configuration['checkpoint'] === '';
    if (isFresh && (configuration['program'] === undefined || configuration['program'] === '')) {
      const chosen = await this.chooseProgram();
      // Undefined calls the launch off without a message: the user turned away from the list.
      if (!chosen) return undefined;
      configuration['program'] = chosen.uri.fsPath;
      if (isEmpty) configuration['firmware'] = chosen.firmware;
    }
    if (configuration['console'] !== 'debugConsole') {
      // The guest's console comes to the front; the debug console would take its place in the panel.
      configuration.internalConsoleOptions ??= 'neverOpen';
    }
    return configuration;
  }

  /** Relative paths are relative to the workspace folder; the adapter's process has another working folder, and no storage. */
  resolveDebugConfigurationWithSubstitutedVariables(
    folder: vscode.WorkspaceFolder | undefined,
    given: vscode.DebugConfiguration,
  ): vscode.DebugConfiguration {
    return {
      ...given,
      ...(folder && given['cwd'] === undefined ? { cwd: folder.uri.fsPath } : {}),
      ...(given['store'] === undefined ? { store: this.storePath } : {}),
    };
  }

  private async chooseProgram(): Promise<Program | undefined> {
    const active = await activeProgram();
    if (active) return active;
    const [only, ...others] = await findPrograms();
    return others.length === 0 && only ? only : pickProgram();
  }
}

const launchOf = (program?: string): vscode.DebugConfiguration => ({
  type: DEBUG_TYPE,
  request: 'launch',
  name: 'Debug RISC-V guest',
  stopOnEntry: true,
  ...(program === undefined ? {} : { program }),
});
