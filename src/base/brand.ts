/**
 * Branded numbers: same-shaped quantities that must not be mixed up get a type each.
 * Raw numbers and bigints are used only inside hot loops; conversion happens in the named functions here.
 */

declare const kind: unique symbol;
/** A nominal tag; exists only at compile time. */
export interface Kind<K extends string> {
  readonly [kind]: K;
}

/** A guest physical address (RISC-V privileged spec 4.1: at most 56 bits). */
export type PhysAddr = bigint & Kind<'phys'>;
/**
 * A point in virtual time (I1): instructions attempted since reset, all harts together. Attempts that end in a trap
 * count too, so that a guest which only traps still makes time pass (docs/decisions/0002-time.md).
 */
export type Instret = number & Kind<'instret'>;

export const physAddr = (value: bigint): PhysAddr => BigInt.asUintN(64, value) as PhysAddr;
export const instret = (value: number): Instret => value as Instret;
