/**
 * A disk between a device and the real one, whose requests the test holds, lets go in any order, or fails: so each case
 * of pending and new requests is made to happen at an exact instant. Held requests have begun below, as a host that is
 * slow would have it; what they do to the contents they do when the device completes them.
 */
import type {
  DiskContents,
  DiskOperation,
  DiskPort,
  DiskRequest,
  DiskResult,
} from '../../src/machine/device';

export class TestDisk implements DiskPort {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** Requests that have begun and neither completed nor been cancelled, in the order of issue. */
  operations: TestOperation[] = [];
  /** Whether requests that begin from now on wait for `letGo`. */
  holding = true;
  /** Requests that were begun, of all times. */
  begun = 0;

  constructor(private readonly inner: DiskPort) {
    this.sizeBytes = inner.sizeBytes;
    this.readOnly = inner.readOnly;
  }

  begin(request: DiskRequest): TestOperation {
    const operation = new TestOperation(request, this.inner.begin(request), (ended) => {
      this.operations = this.operations.filter((other) => other !== ended);
    });
    this.begun++;
    this.operations.push(operation);
    if (!this.holding) operation.letGo();
    return operation;
  }

  /** The host is done with the request that was issued as the `index`th of those under way. */
  async letGo(index = 0): Promise<void> {
    const operation = this.operations[index];
    if (operation === undefined) throw new Error(`there is no request ${index}`);
    operation.letGo();
    await operation.whenReady();
  }

  /** The host is done with all of them, the last first. */
  async letGoReversed(): Promise<void> {
    for (let index = this.operations.length - 1; index >= 0; index--) await this.letGo(index);
  }

  freeze(): DiskContents {
    return this.inner.freeze();
  }

  thaw(contents: DiskContents): void {
    this.inner.thaw(contents);
  }

  contentHash(): string {
    return this.inner.contentHash();
  }
}

export class TestOperation implements DiskOperation {
  private isLetGo = false;
  private failure: string | undefined;
  private wake: () => void = () => undefined;
  private readonly letGoLater = new Promise<void>((resolve) => {
    this.wake = resolve;
  });

  constructor(
    readonly request: DiskRequest,
    private readonly inner: DiskOperation,
    private readonly onEnd: (operation: TestOperation) => void,
  ) {}

  get ready(): boolean {
    return this.isLetGo && this.inner.ready;
  }

  letGo(): void {
    this.isLetGo = true;
    this.wake();
  }

  /** The host is done, with an error. */
  fail(message: string): void {
    this.failure = message;
    this.letGo();
  }

  async whenReady(): Promise<void> {
    await this.letGoLater;
    await this.inner.whenReady();
  }

  complete(): DiskResult {
    if (!this.ready) throw new Error('a request was completed before the host was done');
    this.onEnd(this);
    if (this.failure === undefined) return this.inner.complete();
    this.inner.cancel();
    return { ok: false, error: this.failure };
  }

  cancel(): void {
    this.inner.cancel();
    this.onEnd(this);
  }
}
