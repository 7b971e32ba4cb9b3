/**
 * The store of the workspace's checkpoints, in VS Code's own storage, while no session runs: the debug adapter is its only
 * writer then. What is looked at is opened for a moment and for reading.
 */
import * as vscode from 'vscode';
import { messageOf, UserError } from '../base/errors';
import { presentSaved } from '../dap/saved';
import { openArchive } from '../host/archive';
import { openDiskArchive } from '../host/disk/disk-archive';
import { openStore } from '../host/store/open-store';
import type { SavedCheckpoint } from '../protocol';

type Archive = Awaited<ReturnType<typeof openDiskArchive>>;

export class WorkspaceStore implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private known: readonly SavedCheckpoint[] = [];
  private reading: Promise<void> | undefined;
  readonly onDidChange = this.changed.event;
  readonly path: string;

  constructor(
    context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.path = vscode.Uri.joinPath(context.storageUri ?? context.globalStorageUri, 'checkpoints').fsPath;
  }

  /** As of the last refresh. */
  get checkpoints(): readonly SavedCheckpoint[] {
    return this.known;
  }

  refresh(): Promise<void> {
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  /** Renames, deletes or exports; then shows what is there. Throws 'STORE_IN_USE' while a session writes. */
  async change<T>(action: (archive: Archive) => Promise<T>): Promise<T> {
    const archive = await openDiskArchive(await openArchive(this.path, { create: 'never' }));
    try {
      return await action(archive);
    } finally {
      await archive.close();
      await this.refresh();
    }
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async read(): Promise<void> {
    try {
      const { store, close } = await openStore(this.path, { create: 'never', readOnly: true });
      this.known = store.list().map((summary) => presentSaved(summary, undefined));
      await close();
    } catch (error) {
      this.known = [];
      const isMissing = error instanceof UserError && error.code === 'STORE_MISSING';
      if (!isMissing) this.log.error(`saved checkpoints: ${messageOf(error)}`);
    }
    this.changed.fire();
  }
}
