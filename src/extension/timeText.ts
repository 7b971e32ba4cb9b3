/** Instants as people read and write them. An instant is a number of retired instructions (I1). */
import { userError } from '../base/errors';
import { formatInstret } from '../base/text';
import type { TimeEvent } from '../protocol';

/** The status bar's text, without its icon. */
export function timeText(time: TimeEvent): string {
  const now = formatInstret(time.now);
  return time.live ? `${now} live` : `${now} / ${formatInstret(time.end)}`;
}

/**
 * The instant that the user typed: `12,345,678` (blanks and underscores also part the digits), `0x` and hexadecimal
 * digits, `+1000` or `-1000` from now, `50%` of the recording. `k`, `M` and `G` multiply by powers of 1000.
 * The result lies within the recording, 0 to `time.end`, or a UserError says why not.
 */
export function parseInstant(text: string, time: Pick<TimeEvent, 'now' | 'end'>): number {
  const bare = text.replace(/[\s,_']/gu, '');
  const [, sign = '', digits = '', unit = ''] =
    /^([+-]?)(0x[0-9a-f]+|\d+(?:\.\d+)?)([kmg%]?)$/iu.exec(bare) ?? [];
  if (digits === '' || (sign !== '' && unit === '%')) {
    throw userError(
      'INSTANT',
      'Type an instruction count like 12,345,678 or 12M, +1000 or -1000 from here, or 50%',
    );
  }
  const scale = unit === '%' ? time.end / 100 : 1000 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  const amount = Math.round(Number(digits) * scale);
  const instret = sign === '+' ? time.now + amount : sign === '-' ? time.now - amount : amount;
  if (instret < 0) throw userError('INSTANT', 'That is before the beginning of the recording');
  if (instret > time.end) {
    throw userError('INSTANT', `The recording ends at ${formatInstret(time.end)}; continue to get further`);
  }
  return instret;
}
