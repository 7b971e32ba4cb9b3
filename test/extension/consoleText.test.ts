import assert from 'node:assert/strict';
import { CLEAR, ConsoleStream } from '../../src/extension/consoleText';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('extension: console text', () => {
  it('is the same however the bytes are cut', () => {
    const whole = bytes('eins\nzwei\r\ndrei\r\r\nvier\n\nGrüße ✓ 𝄞\r\n');
    const expected = 'eins\r\nzwei\r\ndrei\r\r\nvier\r\n\r\nGrüße ✓ 𝄞\r\n';
    for (let size = 1; size <= whole.length; size++) {
      const stream = new ConsoleStream();
      let text = '';
      for (let at = 0; at < whole.length; at += size) text += stream.push(whole.subarray(at, at + size));
      assert.equal(text, expected, `cut into ${size}`);
    }
  });

  it('forgets a half character and a carriage return when the past is shown instead', () => {
    const stream = new ConsoleStream();
    stream.push(Uint8Array.of(0x0d, 0xe2, 0x9c));
    assert.equal(stream.push(bytes('\nthen'), true), `${CLEAR}\r\nthen`);
    stream.push(bytes('\r'));
    assert.equal(stream.push(bytes('\nthen'), true), `${CLEAR}\r\nthen`);
  });

  it('replaces what is no UTF-8', () => {
    assert.equal(new ConsoleStream().push(Uint8Array.of(0x41, 0xff, 0x42)), 'A\ufffdB');
  });
});
