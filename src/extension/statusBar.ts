/** The instant where the shown session is, in the status bar; a click asks where to go. */
import * as vscode from 'vscode';
import type { Sessions } from './sessions';
import { timeText } from './timeText';

export class TimeStatus implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('time', vscode.StatusBarAlignment.Left, 5);
  private readonly subscription: vscode.Disposable;

  constructor(private readonly sessions: Sessions) {
    this.item.name = 'Guest Time';
    this.item.command = 'chronovisor.seek';
    this.subscription = sessions.onDidChange(() => this.update());
    this.update();
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private update(): void {
    const time = this.sessions.current?.time;
    if (!time) {
      this.item.hide();
      return;
    }
    this.item.text = `$(${time.live ? 'watch' : 'history'}) ${timeText(time)}`;
    this.item.tooltip = time.live
      ? 'Instructions run so far: at the end of the recording.\nClick to go to an instruction.'
      : 'In the past: instruction / end of the recording.\nClick to go to an instruction.';
    this.item.show();
  }
}
