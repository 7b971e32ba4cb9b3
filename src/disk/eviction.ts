/**
 * Lets blocks leave memory that are in a file. A request that began before counts on what was in memory then: the
 * blocks stay until it has ended. One that begins later does not count on them: it has them fetched.
 */
import type { Block } from './block';

export class Eviction<Request> {
  private readonly underWay = new Set<Request>();
  private waiting: { blocks: readonly Block[]; before: Set<Request> }[] = [];

  begin(request: Request): void {
    this.underWay.add(request);
  }

  end(request: Request): void {
    if (!this.underWay.delete(request)) return;
    for (const { blocks, before } of this.waiting) {
      if (before.delete(request) && before.size === 0) drop(blocks);
    }
    this.waiting = this.waiting.filter(({ before }) => before.size > 0);
  }

  /** All requests are void. */
  endAll(): void {
    for (const { blocks } of this.waiting.splice(0)) drop(blocks);
    this.underWay.clear();
  }

  evict(blocks: readonly Block[]): void {
    if (this.underWay.size === 0) drop(blocks);
    else {
      for (const block of blocks) block.isLeaving = true;
      this.waiting.push({ blocks, before: new Set(this.underWay) });
    }
  }
}

function drop(blocks: readonly Block[]): void {
  for (const block of blocks) if (block.home !== undefined) block.bytes = undefined;
}
