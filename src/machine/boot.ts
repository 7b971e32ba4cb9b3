/**
 * Where everything goes at power-on: firmware, kernel, initial RAM disk and device tree, at the addresses that QEMU's
 * `virt` board uses. What does not fit is the user's error, with a code and a remedy.
 */
import { userError } from '../base/errors';
import type { BootPlan, LoadSegment } from './config';
import { buildDeviceTree } from './devicetree';
import { isaExtensions, isaString } from './isa-string';
import { RAM_BASE } from './layout';

/** A program or firmware, as far as loading goes. */
export interface BootImage {
  readonly segments: readonly LoadSegment[];
  /** Physical address of the first instruction. */
  readonly entry: number;
  readonly tohost?: number;
  readonly fromhost?: number;
}

export type Firmware =
  | { readonly kind: 'none' }
  | { readonly kind: 'builtin' }
  | { readonly kind: 'image'; readonly image: BootImage };

export interface BootRequest {
  readonly ramBytes: number;
  readonly harts: number;
  readonly svadu: boolean;
  readonly firmware: Firmware;
  readonly program: BootImage;
  readonly initrd?: Uint8Array;
  readonly kernelArgs?: string;
}

const MiB = 1 << 20;
/** Where S-mode programs start behind firmware that lives in RAM: Linux's text offset on RV64. */
export const KERNEL_ADDRESS = RAM_BASE + 2 * MiB;

/** A raw binary placed at one address. */
export const rawImage = (bytes: Uint8Array, address: number): BootImage => ({
  segments: [{ address, bytes, sizeBytes: bytes.length }],
  entry: address,
});

/**
 * The header of a Linux Image (Documentation/arch/riscv/boot-image-header): "RISCV" at 48, "RSC\x05" at 56. Undefined
 * when there is none. `textOffset` from the start of RAM; `imageBytes` includes .bss.
 */
export function linuxImageHeader(
  bytes: Uint8Array,
): { readonly textOffset: number; readonly imageBytes: number } | undefined {
  if (bytes.length < 64) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(56, true) !== 0x0543_5352) return undefined;
  return {
    textOffset: Number(view.getBigUint64(8, true) & 0xffff_ffffn),
    imageBytes: Number(view.getBigUint64(16, true) & 0xffff_ffffn),
  };
}

/** A raw kernel: a Linux Image where its header says, else at the place for its kind of firmware. */
export function kernelImage(bytes: Uint8Array, firmware: Firmware): BootImage {
  const header = linuxImageHeader(bytes);
  const address = header
    ? RAM_BASE + header.textOffset
    : firmware.kind === 'none'
      ? RAM_BASE
      : KERNEL_ADDRESS;
  const image = rawImage(bytes, address);
  if (!header) return image;
  return {
    ...image,
    segments: [{ address, bytes, sizeBytes: Math.max(bytes.length, header.imageBytes) }],
  };
}

/** Throws IMAGE_OUTSIDE_RAM, IMAGES_OVERLAP, INITRD_TOO_LARGE, ENTRY_OUTSIDE_RAM. */
export function planBoot(request: BootRequest): BootPlan {
  const { firmware, program, ramBytes } = request;
  const ramEnd = RAM_BASE + ramBytes;
  const images = [program, ...(firmware.kind === 'image' ? [firmware.image] : [])];
  const segments = images.flatMap((image) => image.segments);
  for (const segment of segments) checkInside(segment, ramEnd);
  checkOverlap(segments);
  for (const image of images) {
    if (image.entry < RAM_BASE || image.entry >= ramEnd) {
      throw userError(
        'ENTRY_OUTSIDE_RAM',
        `The program starts at 0x${image.entry.toString(16)}, which is not in RAM (0x80000000 to ` +
          `0x${ramEnd.toString(16)}): link it for QEMU's virt board.`,
      );
    }
  }
  const initrd = request.initrd && placeInitrd(request.initrd, program.entry, ramBytes, segments);
  const tree = {
    memoryBytes: ramBytes,
    harts: request.harts,
    isa: isaString(request.svadu),
    extensions: isaExtensions(request.svadu),
    mmuType: 'sv57' as const,
    ...(request.kernelArgs === undefined ? {} : { bootargs: request.kernelArgs }),
    ...(initrd ? { initrd: { start: initrd.address, end: initrd.address + initrd.sizeBytes } } : {}),
  };
  const deviceTree = buildDeviceTree(tree);
  // Firmware grows the tree in place: it gets room, below the end of RAM and below 3 GiB, aligned to 2 MiB.
  const top = Math.min(ramEnd, 3 * 1024 * MiB);
  const fdtAddress = Math.floor((top - deviceTree.length - 0x1000) / (2 * MiB)) * 2 * MiB;
  const all = [
    ...segments,
    ...(initrd ? [initrd] : []),
    { address: fdtAddress, bytes: deviceTree, sizeBytes: deviceTree.length },
  ];
  checkOverlap(all);
  return {
    segments: initrd ? [...segments, initrd] : segments,
    mode: firmware.kind === 'builtin' ? 'sbi' : 'reset',
    entry: firmware.kind === 'image' ? firmware.image.entry : program.entry,
    nextEntry: program.entry,
    fdtAddress,
    deviceTree,
    ...(program.tohost === undefined ? {} : { tohost: program.tohost }),
    ...(program.fromhost === undefined ? {} : { fromhost: program.fromhost }),
  };
}

function checkInside(segment: LoadSegment, ramEnd: number): void {
  const end = segment.address + segment.sizeBytes;
  if (segment.address >= RAM_BASE && end <= ramEnd) return;
  const where = `0x${segment.address.toString(16)}..0x${end.toString(16)}`;
  if (segment.address >= RAM_BASE) {
    throw userError(
      'IMAGE_TOO_LARGE',
      `The image needs ${where}, but RAM ends at 0x${ramEnd.toString(16)}: give the guest more memory.`,
    );
  }
  throw userError(
    'IMAGE_OUTSIDE_RAM',
    `The image needs ${where}, but RAM begins at 0x80000000: link it for QEMU's virt board.`,
  );
}

function checkOverlap(segments: readonly LoadSegment[]): void {
  const sorted = segments.filter((s) => s.sizeBytes > 0).sort((x, y) => x.address - y.address);
  sorted.forEach((segment, index) => {
    const next = sorted[index + 1];
    if (!next || segment.address + segment.sizeBytes <= next.address) return;
    throw userError(
      'IMAGES_OVERLAP',
      `What is loaded at 0x${segment.address.toString(16)} reaches into what is loaded at ` +
        `0x${next.address.toString(16)}: give the guest more memory, or link one of them elsewhere.`,
    );
  });
}

/** As QEMU: half of RAM or 128 MiB behind the kernel's entry, whichever is less. */
function placeInitrd(
  bytes: Uint8Array,
  kernelEntry: number,
  ramBytes: number,
  segments: readonly LoadSegment[],
): LoadSegment {
  const wanted = kernelEntry + Math.min(ramBytes / 2, 128 * MiB);
  const kernelEnd = Math.max(...segments.map((s) => s.address + s.sizeBytes));
  const address = Math.ceil(Math.max(wanted, kernelEnd) / 4096) * 4096;
  if (address + bytes.length > RAM_BASE + ramBytes - 2 * MiB) {
    throw userError(
      'INITRD_TOO_LARGE',
      `The initial RAM disk (${Math.ceil(bytes.length / MiB)} MiB) does not fit behind the kernel in ` +
        `${ramBytes / MiB} MiB of RAM: give the guest more memory.`,
    );
  }
  return { address, bytes, sizeBytes: bytes.length };
}
