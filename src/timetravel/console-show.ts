/** Keeps who listens to the guest's console up to date, through jumps in time. */
import { Emitter } from '../base/events';
import type { ConsoleOutput } from './api';
import type { Recording } from './recording';

export class ConsoleShow {
  private readonly emitter = new Emitter<ConsoleOutput>();
  readonly onConsole = this.emitter.event;
  private shownBytes: number;

  /** What had been shown before the recording began is not shown again. */
  constructor(private readonly recording: Recording) {
    this.shownBytes = recording.consoleLength;
  }

  flush(jumped: boolean): void {
    const { branch, consoleLength } = this.recording;
    if (jumped || consoleLength < this.shownBytes) {
      this.emitter.fire({ data: branch.console.slice(0, consoleLength), reset: true });
    } else if (consoleLength > this.shownBytes) {
      this.emitter.fire({ data: branch.console.slice(this.shownBytes, consoleLength), reset: false });
    }
    this.shownBytes = consoleLength;
  }

  history(): Uint8Array {
    return this.recording.branch.console.slice(0, this.recording.consoleLength);
  }

  dispose(): void {
    this.emitter.dispose();
  }
}
