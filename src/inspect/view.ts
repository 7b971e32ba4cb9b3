/**
 * A read-only view of one hart, as far as inspecting needs it. Implementations peek: no look has a side effect (I6).
 */
export interface MachineView {
  readonly pc: bigint;
  /** Integer register x0..x31, unsigned. */
  x(index: number): bigint;
  /** Raw bits of floating point register f0..f31. */
  f?(index: number): bigint;
  /**
   * The bytes at a virtual address, translated as the hart would now; undefined unless all of them can be read.
   */
  readMemory(virtualAddress: bigint, length: number): Uint8Array | undefined;
  /** A control and status register by its name in the specification; undefined when there is none. */
  csr?(name: string): bigint | undefined;
  /** User 0, supervisor 1, machine 3. */
  readonly privilege: 0 | 1 | 3;
}

/** A little-endian unsigned number of 1, 2, 4 or 8 bytes; undefined when the memory cannot be read. */
export const readUnsigned = (view: MachineView, address: bigint, sizeBytes: number): bigint | undefined => {
  const bytes = view.readMemory(BigInt.asUintN(64, address), sizeBytes);
  if (bytes === undefined || bytes.length < sizeBytes) return undefined;
  let value = 0n;
  for (let i = sizeBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
};
