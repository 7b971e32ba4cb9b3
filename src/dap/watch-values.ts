/**
 * Old and new values of watched memory. Every access to it by a hart is a hit, whether or not it is one to stop at: so what was
 * seen at the hit before, or when the move began, is what an access finds. Backwards, the guest stands before the access, and
 * what it then wrote was seen when the search came by.
 */
import { physAddr } from '../base/brand';
import type { Debuggee, Hit, WatchRange } from '../timetravel/api';
import { spaceOf } from './control-flow';

export type WatchHit = Extract<Hit, { kind: 'watchpoint' }>;

/** More bytes than this are not compared: of a large range the accessed bytes are shown. */
const SHOWN_BYTES_MAX = 16;

interface Seen {
  readonly hit: WatchHit;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
}

export class WatchValues {
  private readonly known = new Map<string, Uint8Array>();
  private last: Seen | undefined;

  /** A move begins: memory as it is. Addresses mean something only in the address space of the moment. */
  begin(debuggee: Debuggee, ranges: readonly WatchRange[]): void {
    this.known.clear();
    this.last = undefined;
    for (let hart = 0; hart < debuggee.hartCount; hart++) {
      for (const range of ranges) {
        const bytes = range.length <= SHOWN_BYTES_MAX ? read(debuggee, hart, range) : undefined;
        if (bytes !== undefined) this.known.set(keyOf(debuggee, hart, range), bytes);
      }
    }
  }

  /** At a hit, right behind the access. */
  note(debuggee: Debuggee, hit: WatchHit): void {
    const part = shownPart(hit);
    const key = keyOf(debuggee, hit.hart, part);
    const after = read(debuggee, hit.hart, part);
    this.last = { hit, before: this.known.get(key), after };
    if (after === undefined) this.known.delete(key);
    else this.known.set(key, after);
  }

  /** `5 → 6`, or just what is there; empty where nothing is known. */
  text(debuggee: Debuggee, hit: WatchHit, isBefore: boolean): string {
    const { last } = this;
    if (last === undefined || last.hit.address !== hit.address || last.hit.pc !== hit.pc) return '';
    const before = isBefore ? read(debuggee, hit.hart, shownPart(hit)) : last.before;
    const { after } = last;
    if (after === undefined) return '';
    if (!hit.write || before === undefined) return valueText(after);
    return `${valueText(before)} → ${valueText(after)}`;
  }
}

/** What is shown of a hit: the whole range, or of a long one the bytes of the access. */
function shownPart({ range, address, sizeBytes }: WatchHit): WatchRange {
  return range.length <= SHOWN_BYTES_MAX || range.physical === true
    ? { ...range, length: Math.min(range.length, SHOWN_BYTES_MAX) }
    : { ...range, address, length: sizeBytes };
}

const keyOf = (debuggee: Debuggee, hart: number, { address, length, physical }: WatchRange): string =>
  physical === true ? `p${address}/${length}` : `${spaceOf(debuggee.hart(hart))}:${address}/${length}`;

function read(debuggee: Debuggee, hart: number, range: WatchRange): Uint8Array | undefined {
  const bytes =
    range.physical === true
      ? debuggee.readPhysical(physAddr(range.address), range.length)
      : debuggee.hart(hart).readMemory(range.address, range.length);
  return bytes?.length === range.length ? bytes : undefined;
}

/** A number where it can be one, else bytes. */
function valueText(bytes: Uint8Array): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
  if (![1, 2, 4, 8].includes(bytes.length)) return digits.join(' ');
  const value = BigInt(`0x${digits.reverse().join('')}`);
  return value < 10n ? String(value) : `${value} (0x${value.toString(16)})`;
}
