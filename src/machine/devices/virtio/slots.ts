/** The eight virtio-mmio slots of the board: where they are, and which device goes into which. */
import { userError } from '../../../base/errors';

export const VIRTIO_SLOTS = 8;
export const virtioSlotBase = (slot: number): number => 0x10001000 + 0x1000 * slot;
export const virtioSlotIrq = (slot: number): number => 1 + slot;

/**
 * Slots of devices, in the devices' order: the one that each asks for, else the last free one, downwards, as QEMU does.
 * Throws UserError('VIRTIO_SLOT') when a slot is wanted twice, does not exist, or none is left.
 */
export function placeVirtio(wanted: readonly { readonly slot?: number | undefined }[]): number[] {
  const taken = new Set<number>();
  for (const { slot } of wanted) {
    if (slot === undefined) continue;
    if (!Number.isInteger(slot) || slot < 0 || slot >= VIRTIO_SLOTS) {
      throw userError('VIRTIO_SLOT', `there is no slot ${slot}; slots are 0 to ${VIRTIO_SLOTS - 1}`);
    }
    if (taken.has(slot))
      throw userError('VIRTIO_SLOT', `two devices want slot ${slot}; give one another slot`);
    taken.add(slot);
  }
  return wanted.map(({ slot }) => slot ?? lastFree(taken));
}

function lastFree(taken: Set<number>): number {
  for (let slot = VIRTIO_SLOTS - 1; slot >= 0; slot--) {
    if (taken.has(slot)) continue;
    taken.add(slot);
    return slot;
  }
  throw userError(
    'VIRTIO_SLOT',
    `there are only ${VIRTIO_SLOTS} slots for devices; remove some disks or devices`,
  );
}
