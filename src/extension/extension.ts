/**
 * The extension's beginning and end. It only shows and asks: the machine, the debugger and time live in the debug
 * adapter, a process of its own (package.json: contributes.debuggers), which it reaches through custom DAP requests.
 */
import * as vscode from 'vscode';
import { CheckpointView } from './checkpointView';
import { registerCommands } from './commands';
import { ConfigurationProvider } from './configuration';
import { GuestConsoles } from './guestConsole';
import { DEBUG_TYPE, Sessions } from './sessions';
import { TimeStatus } from './statusBar';
import { WorkspaceStore } from './workspaceStore';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Chronovisor', { log: true });
  const sessions = new Sessions(log);
  const consoles = new GuestConsoles(sessions, log);
  const store = new WorkspaceStore(context, log);
  const provider = new ConfigurationProvider(store.path);
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  context.subscriptions.push(
    log,
    sessions,
    consoles,
    store,
    new CheckpointView(sessions, store),
    new TimeStatus(sessions),
    registerCommands(sessions, consoles, store),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, provider, Initial),
    // Not the provider itself: VS Code would have it complete every configuration twice.
    vscode.debug.registerDebugConfigurationProvider(
      DEBUG_TYPE,
      { provideDebugConfigurations: (folder, token) => provider.launchesOf(folder, token) },
      Dynamic,
    ),
  );
}
