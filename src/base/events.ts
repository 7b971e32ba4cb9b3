/** Subscriptions with an owner: everything that subscribes gets a Disposable back and must keep it. */

export interface Disposable {
  dispose(): void;
}

/** Subscribes; the returned Disposable ends the subscription. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/** The sending side of an Event. Listeners are called in order of subscription. */
export class Emitter<T> implements Disposable {
  private listeners: ((value: T) => void)[] = [];

  readonly event: Event<T> = (listener) => {
    this.listeners = [...this.listeners, listener];
    return {
      dispose: () => {
        this.listeners = this.listeners.filter((other) => other !== listener);
      },
    };
  };

  fire(value: T): void {
    for (const listener of this.listeners) listener(value);
  }

  dispose(): void {
    this.listeners = [];
  }
}

/** Owns several disposables and ends them in reverse order. */
export class DisposableStore implements Disposable {
  private items: Disposable[] = [];

  add<T extends Disposable>(item: T): T {
    this.items.push(item);
    return item;
  }

  dispose(): void {
    for (const item of this.items.splice(0).reverse()) item.dispose();
  }
}
