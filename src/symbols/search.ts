/**
 * Searches that have to look at a whole file, which takes seconds where it has 500 MB. Who asks gets an answer at once as a
 * rule; a caller that can wait says so, and is then told of the search instead: it makes it in slices, and asks again.
 */

export interface Search {
  /** Goes on for a few milliseconds. Answers how much is done; 1: all. Never throws for what is in the file. */
  advance(): number;
}

/** Thrown for those who wait. No error: what was asked can be answered when the search has ended. */
export class SearchNeeded extends Error {
  constructor(readonly search: Search) {
    super('a file has to be searched first');
    this.name = 'SearchNeeded';
  }
}

/** Says for the files of one session whether who asks now can wait. */
export class SearchGate {
  private deferring = false;

  get defers(): boolean {
    return this.deferring;
  }

  /** What `ask` does at once (not later, as promises do) throws SearchNeeded where it would take long. */
  defer<T>(ask: () => T): T {
    this.deferring = true;
    try {
      return ask();
    } finally {
      this.deferring = false;
    }
  }

  /** From here to the end of what is asked nothing is put off: it did something that must not be done twice. */
  insist(): void {
    this.deferring = false;
  }
}
