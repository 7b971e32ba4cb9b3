import assert from 'node:assert/strict';
import { formatBytes, formatInstret } from '../../src/base/text';
import { parseInstant, timeText } from '../../src/extension/timeText';

describe('extension: instants as text', () => {
  it('parts the digits in threes', () => {
    const texts = [0, 999, 1000, 12_345_678, 2 ** 53 - 1].map(formatInstret);
    assert.deepEqual(texts, ['0', '999', '1,000', '12,345,678', '9,007,199,254,740,991']);
  });

  it('shows the end of the recording only in the past', () => {
    assert.equal(timeText({ now: 1234, end: 20_000, live: false }), '1,234 / 20,000');
    assert.equal(timeText({ now: 20_000, end: 20_000, live: true }), '20,000 live');
  });

  it('reads what it writes, and the other forms', () => {
    const time = { now: 5000, end: 20_000_000 };
    const read = (text: string): number => parseInstant(text, time);
    for (const value of [0, 7, 1000, 12_345_678]) assert.equal(read(formatInstret(value)), value);
    assert.equal(read('12M'), 12_000_000);
    assert.equal(read('1.5 k'), 1500);
    assert.equal(read('0x10'), 16);
    assert.equal(read('+1000'), 6000);
    assert.equal(read('-1k'), 4000);
    assert.equal(read('50%'), 10_000_000);
    assert.equal(read('100%'), 20_000_000);
  });

  it('says why an instant cannot be gone to', () => {
    const refuse = (text: string, says: RegExp): void => {
      assert.throws(() => parseInstant(text, { now: 5000, end: 20_000 }), says);
    };
    refuse('-6k', /before the beginning/u);
    refuse('20,001', /ends at 20,000/u);
    refuse('+5%', /Type an instruction count/u);
    for (const text of ['', 'now', '1e5', '--1', '5 5 x', '0x']) refuse(text, /Type an instruction count/u);
  });

  it('shows sizes with their unit', () => {
    const texts = [0, 1023, 1536, 65_536, 128 * 2 ** 20, 3 * 2 ** 40].map(formatBytes);
    assert.deepEqual(texts, ['0 B', '1023 B', '1.5 KiB', '64 KiB', '128 MiB', '3072 GiB']);
  });
});
