/**
 * Searching backwards: replay from the checkpoint before, remember the last accepted hit before the present, go there.
 * Without one, the stretch before that checkpoint is searched, and so on to the beginning of the recording.
 */
import type { ArmedPoints } from './armed-points';
import type { Recording } from './recording';
import type { Hit, MoveOptions, Stop } from './api';

export interface SearchHooks {
  readonly points: ArmedPoints;
  accept(hit: Hit): boolean;
  breathe(): Promise<void>;
  goTo(instant: number): Promise<Stop>;
}

interface Found {
  readonly hit: Hit;
  readonly instant: number;
}

export class ReverseSearch {
  constructor(
    private readonly recording: Recording,
    private readonly hooks: SearchHooks,
  ) {}

  async run(present: number, options: MoveOptions): Promise<Stop> {
    const { begin } = this.recording;
    let end: number = present;
    while (end > begin) {
      if (options.cancel?.cancelled) return this.giveUp(present);
      const start = this.recording.before(end - 1);
      const found = await this.scan(start.id, end, present, options);
      if (found === 'cancelled') return this.giveUp(present);
      if (found && 'message' in found) return { kind: 'diverged', message: found.message };
      if (found) {
        this.hooks.points.disarm();
        await this.hooks.goTo(found.instant);
        return found.hit;
      }
      end = start.state.instret;
      options.onProgress?.((present - end) / (present - begin), 'searching backwards');
    }
    this.hooks.points.disarm();
    await this.hooks.goTo(begin);
    return { kind: 'beginning' };
  }

  /** A cancelled search leaves the guest where it was. */
  private async giveUp(present: number): Promise<Stop> {
    this.hooks.points.disarm();
    await this.hooks.goTo(present);
    return { kind: 'paused' };
  }

  /** The last accepted hit in [start, end) that lies before the present. */
  private async scan(
    startId: string,
    end: number,
    present: number,
    options: MoveOptions,
  ): Promise<Found | 'cancelled' | { readonly message: string } | undefined> {
    const { recording, hooks } = this;
    recording.rewind(recording.tree.get(startId));
    hooks.points.arm(options.temporary ?? []);
    hooks.points.passNothing();
    let found: Found | undefined;
    while (recording.now < end) {
      if (options.cancel?.cancelled) return 'cancelled';
      const stop = recording.slice(end);
      const hit = hooks.points.hitOf(stop);
      if (hit) {
        // Backwards, an access is undone: the stop is before the instruction that made it.
        const instant = hit.kind === 'watchpoint' ? recording.now - 1 : recording.now;
        if (instant < present && hooks.accept(hit)) found = { hit, instant };
        hooks.points.pass(hit, recording.now);
      } else if (stop.kind === 'waiting') await stop.waiting.whenReady();
      else if (stop.kind === 'diverged') return { message: stop.message };
      else if (stop.kind === 'finished') break;
      await hooks.breathe();
    }
    return found;
  }
}
