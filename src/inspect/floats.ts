/** Floating point numbers of all sizes that RISC-V's ABIs have, as bits (IEEE 754) and as JavaScript's doubles. */

const scratch = new DataView(new ArrayBuffer(8));

/** Undefined for a size that no type has. 16 bytes (long double) are rounded to a double. */
export function floatFromBits(bits: bigint, byteSize: number): number | undefined {
  switch (byteSize) {
    case 2:
      return decode(bits, 10, 5);
    case 4:
      scratch.setUint32(0, Number(BigInt.asUintN(32, bits)));
      return scratch.getFloat32(0);
    case 8:
      scratch.setBigUint64(0, BigInt.asUintN(64, bits));
      return scratch.getFloat64(0);
    case 16:
      return decode(bits, 112, 15);
    default:
      return undefined;
  }
}

export function floatToBits(value: number, byteSize: number): bigint | undefined {
  switch (byteSize) {
    case 4:
      scratch.setFloat32(0, value);
      return BigInt(scratch.getUint32(0));
    case 8:
      scratch.setFloat64(0, value);
      return scratch.getBigUint64(0);
    case 16:
      return widen(value);
    default:
      return undefined;
  }
}

function decode(bits: bigint, fractionBits: number, exponentBits: number): number {
  const fraction = BigInt.asUintN(fractionBits, bits);
  const exponent = Number(BigInt.asUintN(exponentBits, bits >> BigInt(fractionBits)));
  const sign = (bits >> BigInt(fractionBits + exponentBits)) & 1n ? -1 : 1;
  const top = 2 ** exponentBits - 1;
  if (exponent === top) return fraction === 0n ? sign * Infinity : NaN;
  const bias = top >> 1;
  // 53 bits are what a double has; those below are cut off.
  const spare = BigInt(Math.max(0, fractionBits - 52));
  const part = Number(fraction >> spare) * 2 ** (Number(spare) - fractionBits);
  return exponent === 0 ? sign * part * 2 ** (1 - bias) : sign * (1 + part) * 2 ** (exponent - bias);
}

/** A double as binary128: exact. */
function widen(value: number): bigint {
  scratch.setFloat64(0, value);
  const bits = scratch.getBigUint64(0);
  const sign = (bits >> 63n) << 127n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = (bits & ((1n << 52n) - 1n)) << 60n;
  if (exponent === 0x7ffn) return sign | (0x7fffn << 112n) | fraction;
  // Subnormal doubles are as good as 0 to people.
  if (exponent === 0n) return sign;
  return sign | ((exponent - 1023n + 16383n) << 112n) | fraction;
}

/** The shortest text that reads back as the same number of this size. */
export function floatNumberText(value: number, byteSize: number): string {
  if (Object.is(value, -0)) return '-0';
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (byteSize > 4) return String(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}
