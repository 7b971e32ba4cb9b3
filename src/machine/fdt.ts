/**
 * Writes flattened device trees (Devicetree Specification 0.4, chapter 5: version 17, compatible with 16). Knows
 * nothing of boards. A tree is plain data: build it with node() and the property makers, then flatten it.
 */
import { userError } from '../base/errors';

export type FdtProperty = readonly [name: string, value: Uint8Array];

export interface FdtNode {
  /** With the unit address: "serial@10000000"; empty for the root. */
  readonly name: string;
  readonly properties: readonly FdtProperty[];
  readonly children: readonly FdtNode[];
}

export interface FdtOptions {
  /** Hart id that starts the guest. */
  readonly bootCpu?: number;
}

const MAGIC = 0xd00dfeed;
const HEADER_BYTES = 40;
/** An empty reservation map: one entry of zeroes. */
const RESERVATION_BYTES = 16;
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

export const node = (
  name: string,
  properties: readonly (FdtProperty | undefined)[],
  children: readonly FdtNode[] = [],
): FdtNode => ({ name, properties: properties.filter((property) => property !== undefined), children });

/** 32-bit cells, big-endian. */
export function cells(name: string, ...values: readonly number[]): FdtProperty {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value >>> 0));
  return [name, bytes];
}

/** Pairs of cells: each value as 64 bits (#address-cells and #size-cells of 2). */
export const cells64 = (name: string, ...values: readonly number[]): FdtProperty =>
  cells(name, ...values.flatMap((value) => [Math.floor(value / 2 ** 32), value % 2 ** 32]));

/** One string, or a list of strings. */
export const strings = (name: string, ...values: readonly string[]): FdtProperty => [
  name,
  new TextEncoder().encode(values.map((value) => `${noNul(name, value)}\0`).join('')),
];

/** A property without a value, which is true by being there. */
export const flag = (name: string): FdtProperty => [name, new Uint8Array(0)];

/** The blob. Its size is a multiple of 8, and it may be placed at any address that is one too. */
export function flattenDeviceTree(root: FdtNode, options: FdtOptions = {}): Uint8Array {
  const writer = new StructureWriter();
  writer.node(root);
  writer.word(END);
  const structure = writer.structure();
  const names = writer.names();
  const structureAt = HEADER_BYTES + RESERVATION_BYTES;
  const namesAt = structureAt + structure.length;
  const blob = new Uint8Array((namesAt + names.length + 7) & ~7);
  const header = [
    ...[MAGIC, blob.length, structureAt, namesAt, HEADER_BYTES, 17, 16],
    ...[options.bootCpu ?? 0, names.length, structure.length],
  ];
  const view = new DataView(blob.buffer);
  header.forEach((value, index) => view.setUint32(index * 4, value));
  blob.set(structure, structureAt);
  blob.set(names, namesAt);
  return blob;
}

class StructureWriter {
  private readonly bytes: number[] = [];
  private readonly stringBytes: number[] = [];
  private readonly offsets = new Map<string, number>();
  private readonly encoder = new TextEncoder();

  node(tree: FdtNode): void {
    this.word(BEGIN_NODE);
    this.padded([...this.encoder.encode(tree.name), 0]);
    for (const [name, value] of tree.properties) {
      this.word(PROPERTY);
      this.word(value.length);
      this.word(this.offsetOf(name));
      this.padded(value);
    }
    for (const child of tree.children) this.node(child);
    this.word(END_NODE);
  }

  word(value: number): void {
    this.bytes.push(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  }

  structure(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  names(): Uint8Array {
    return Uint8Array.from(this.stringBytes);
  }

  private padded(bytes: Iterable<number>): void {
    for (const byte of bytes) this.bytes.push(byte);
    while (this.bytes.length % 4 !== 0) this.bytes.push(0);
  }

  private offsetOf(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.stringBytes.length;
    this.stringBytes.push(...this.encoder.encode(name), 0);
    this.offsets.set(name, offset);
    return offset;
  }
}

function noNul(name: string, value: string): string {
  if (!value.includes('\0')) return value;
  throw userError('DEVICE_TREE_STRING', `${name} contains a NUL character; remove it from the settings`);
}
