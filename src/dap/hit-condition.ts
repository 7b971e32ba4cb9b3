/**
 * Hit conditions: `5` and `>=5` stop from the fifth hit on, `=5` (`==5`) at the fifth alone, `>5`, `<5`, `<=5` as they
 * say, `%5` at every fifth. Hits are numbered by time, not by how often somebody ran over them: going back and forth does
 * not change that an instant is the fifth hit.
 */
import { userError } from '../base/errors';

export type HitTest = (ordinal: number) => boolean;

const TESTS: Readonly<Record<string, (ordinal: number, limit: number) => boolean>> = {
  '': (ordinal, limit) => ordinal >= limit,
  '=': (ordinal, limit) => ordinal === limit,
  '==': (ordinal, limit) => ordinal === limit,
  '>=': (ordinal, limit) => ordinal >= limit,
  '>': (ordinal, limit) => ordinal > limit,
  '<': (ordinal, limit) => ordinal < limit,
  '<=': (ordinal, limit) => ordinal <= limit,
  '%': (ordinal, limit) => ordinal % limit === 0,
};

export function parseHitCondition(text: string): HitTest {
  const [, operator = '', digits = ''] = /^\s*(==?|>=?|<=?|%|)\s*(\d{1,15})\s*$/u.exec(text) ?? [];
  const test = TESTS[operator];
  const limit = Number(digits);
  if (test === undefined || digits === '' || limit === 0) {
    throw userError(
      'HIT_CONDITION',
      `"${text}" is no hit condition; write 5, =5, >=5, >5, <5, <=5, %5, once, hart 1 or after main.c:12`,
    );
  }
  return (ordinal) => test(ordinal, limit);
}

/** The instants at which a breakpoint was hit, in order. */
export class HitRecord {
  private instants: number[] = [];
  /** The first one, also of a breakpoint whose hits nobody counts. */
  private first = Infinity;

  /** It was hit, or would have been, by `now`. */
  isAfterFirst(now: number): boolean {
    return this.first <= now;
  }

  note(now: number): void {
    this.first = Math.min(this.first, now);
  }

  /** Which hit, counted from 1, the one at `now` is. `isNew` records it when it was not known. */
  ordinalOf(now: number, isNew: boolean): number {
    let low = 0;
    let high = this.instants.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.instants[middle] ?? now) < now) low = middle + 1;
      else high = middle;
    }
    if (isNew && this.instants[low] !== now) this.instants.splice(low, 0, now);
    return low + 1;
  }

  /** Another branch begins at `now`: later hits are not of its history. */
  forgetAfter(now: number): void {
    this.instants = this.instants.filter((instant) => instant <= now);
    if (this.first > now) this.first = Infinity;
  }
}
