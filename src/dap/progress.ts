/** Tells the client about a move that takes long: nothing for short ones, then a few updates a second. */
import type { SessionContext } from './context';

/** A move that takes longer shows a progress, milliseconds: below this a person sees no delay worth a notice. */
const SHOW_AFTER_MS = 500;
const UPDATE_EVERY_MS = 250;

export class ProgressReporter {
  private readonly startedAt: number;
  private updatedAt: number | undefined;

  constructor(
    private readonly context: SessionContext,
    readonly id: string,
    private readonly title: string,
    private readonly requestSeq: number,
  ) {
    this.startedAt = context.host.clock.now();
  }

  report(fraction: number, message: string): void {
    if (!this.context.client.progress) return;
    const now = this.context.host.clock.now();
    const percentage = Math.round(Math.min(1, Math.max(0, fraction)) * 100);
    const body = { progressId: this.id, message, percentage };
    if (this.updatedAt === undefined) {
      if (now - this.startedAt < SHOW_AFTER_MS) return;
      const more = { title: this.title, cancellable: true, requestId: this.requestSeq };
      this.context.event('progressStart', { ...body, ...more });
    } else if (now - this.updatedAt < UPDATE_EVERY_MS) return;
    else this.context.event('progressUpdate', body);
    this.updatedAt = now;
  }

  end(): void {
    if (this.updatedAt !== undefined) this.context.event('progressEnd', { progressId: this.id });
  }
}
