/** Base64 of messages, judged by Node's own. */
import assert from 'node:assert/strict';
import { decodeBase64, encodeBase64 } from '../../src/protocol';
import { UserError } from '../../src/base/errors';

describe('protocol: base64', () => {
  it('agrees with Node for every length up to 70 and all byte values', () => {
    for (let length = 0; length <= 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length * 37) & 255);
      const text = encodeBase64(bytes);
      assert.equal(text, Buffer.from(bytes).toString('base64'));
      assert.deepEqual(decodeBase64(text), bytes);
    }
  });

  for (const text of ['A', 'AAA', 'AA=A', 'A===', '=AAA', 'AA A', 'A-_A', '====']) {
    it(`refuses "${text}"`, () => {
      assert.throws(() => decodeBase64(text), UserError);
    });
  }
});
