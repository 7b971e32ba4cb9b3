/**
 * Saved sections that are still true: devices change rarely, and a checkpoint's stop is mostly the saving of devices.
 * A device changes only when the guest reaches it, at a deadline of its own, when input comes, or (the PLIC) when a line
 * changes; whoever causes that says so here first. Hashes do not come from here, so a forgotten change cannot hide.
 */
import type { Device, Section } from './device';

export class SectionCache {
  private readonly sections = new Map<Device, Section>();

  changed(device: Device): void {
    this.sections.delete(device);
  }

  clear(): void {
    this.sections.clear();
  }

  save(device: Device): Section {
    const known = this.sections.get(device);
    if (known) return known;
    const section = device.save();
    this.sections.set(device, section);
    return section;
  }
}
