/** The SiFive test finisher: the guest writes how the run ends. What the machine does about it is not decided here. */
import { type Instret } from '../../base/brand';
import type { AccessSize, Device, Section, Waiting } from '../device';
import { SectionReader } from './section';

export const FINISHER_BASE = 0x100000;
const VERSION = 1;

/** How the guest wants the run to end. `code` is the guest's exit code. */
export type Finish =
  { readonly kind: 'poweroff' | 'fail'; readonly code: number } | { readonly kind: 'reset' };

export class Finisher implements Device {
  readonly name = 'finisher';
  readonly base = FINISHER_BASE;
  readonly sizeBytes = 0x1000;

  constructor(private readonly onFinish: (finish: Finish) => void) {}

  read(_offset: number, _size: AccessSize): number {
    return 0;
  }

  peek(_offset: number, _size: AccessSize): number {
    return 0;
  }

  /** Command in the low half of the word at 0, exit code in the high half. Other writes mean nothing. */
  write(offset: number, size: AccessSize, value: number): void {
    if (offset !== 0 || size === 1) return;
    const code = value >>> 16;
    switch (value & 0xffff) {
      case 0x5555:
        this.onFinish({ kind: 'poweroff', code: 0 });
        break;
      case 0x3333:
        this.onFinish({ kind: 'fail', code });
        break;
      case 0x7777:
        this.onFinish({ kind: 'reset' });
        break;
    }
  }

  deadline(): typeof Infinity {
    return Infinity;
  }

  onDeadline(_now: Instret): Waiting | undefined {
    return undefined;
  }

  save(): Section {
    return { name: this.name, version: VERSION, data: {} };
  }

  restore(section: Section): void {
    SectionReader.open(section, this.name, VERSION);
  }

  reset(): void {
    // Holds no state.
  }
}
