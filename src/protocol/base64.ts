/**
 * Base64 (RFC 4648 section 4, with padding) between bytes and the text of a message. Written out because the pure rooms
 * have neither Buffer nor atob. The decoder refuses what is not canonical length or alphabet; it does not skip blanks.
 */
import { userError } from '../base/errors';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUE_OF = new Map(Array.from(ALPHABET, (letter, value) => [letter, value]));

export function encodeBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += ALPHABET.charAt(word >> 18) + ALPHABET.charAt((word >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((word >> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(word & 63) : '=';
  }
  return text;
}

export function decodeBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw userError('PROTOCOL_BASE64', 'base64 text ends early');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const letters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let bitCount = 0;
  let filled = 0;
  for (let at = 0; at < letters; at++) {
    const value = VALUE_OF.get(text.charAt(at));
    if (value === undefined) throw userError('PROTOCOL_BASE64', `not a base64 character at ${String(at)}`);
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[filled++] = (bits >> bitCount) & 255;
  }
  return bytes;
}
