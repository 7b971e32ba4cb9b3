import { defined } from '../../base/errors';

/** The most recently used results, by file offset. A failure is not kept. */
export class Cache<T> {
  private readonly entries = new Map<number, Promise<T>>();

  constructor(private readonly capacity: number) {}

  get(key: number, make: () => Promise<T>): Promise<T> {
    const known = this.entries.get(key);
    this.entries.delete(key);
    const entry = known ?? make();
    this.entries.set(key, entry);
    if (known === undefined) {
      entry.catch(() => {
        if (this.entries.get(key) === entry) this.entries.delete(key);
      });
      if (this.entries.size > this.capacity) this.entries.delete(defined(this.entries.keys().next().value));
    }
    return entry;
  }

  set(key: number, value: T): void {
    this.entries.delete(key);
    this.entries.set(key, Promise.resolve(value));
  }

  delete(key: number): void {
    this.entries.delete(key);
  }
}
