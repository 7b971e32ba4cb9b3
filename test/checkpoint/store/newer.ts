/** A store as a newer version would write it: the same bytes with a higher version, under valid hashes. */
import { Codec, HASH_BYTES } from '../../../src/checkpoint/store/codec';
import { ANCHOR_SLOTS } from '../../../src/checkpoint/store/format';

export function sealedForTest(store: Uint8Array): Uint8Array {
  const bytes = store.slice();
  const codec = new Codec();
  for (let block = 0; block < 2 * (1 + ANCHOR_SLOTS); block++) {
    const view = bytes.subarray(block * 4096, (block + 1) * 4096);
    if (view[0] !== 'C'.charCodeAt(0)) continue;
    const hashAt = (block < 2 ? 512 : 4096) - HASH_BYTES;
    new DataView(view.buffer, view.byteOffset).setUint32(16, 2, true);
    codec.load(view.subarray(0, hashAt));
    view.set(codec.hash(), hashAt);
  }
  return bytes;
}
