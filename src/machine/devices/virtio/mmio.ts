/**
 * The virtio-mmio transport (Virtual I/O Device specification 1.2, section 4.2), in both forms: version 2, and the legacy
 * version 1 (4.2.4), which QEMU shows unless told otherwise. A slot without a device answers as QEMU's do: magic and
 * version are there, the device id is 0. What a driver does wrong ends in DEVICE_NEEDS_RESET or in nothing.
 */
import { type Instret } from '../../../base/brand';
import { userError } from '../../../base/errors';
import type { AccessSize, Device, DeviceContext, Section, Waiting } from '../../device';
import { SectionReader } from '../section';
import type { VirtioDevice, VirtioPort } from './device';
import { guestAddress, SplitQueue, type Chain } from './queue';
import { virtioSlotBase } from './slots';

const VERSION = 1;
/** "virt", little-endian. */
const MAGIC = 0x74726976;
/** "QEMU": some drivers look. */
const VENDOR = 0x554d4551;

const R = {
  magic: 0x000,
  version: 0x004,
  deviceId: 0x008,
  vendorId: 0x00c,
  deviceFeatures: 0x010,
  deviceFeaturesSel: 0x014,
  driverFeatures: 0x020,
  driverFeaturesSel: 0x024,
  guestPageSize: 0x028,
  queueSel: 0x030,
  queueNumMax: 0x034,
  queueNum: 0x038,
  queueAlign: 0x03c,
  queuePfn: 0x040,
  queueReady: 0x044,
  queueNotify: 0x050,
  interruptStatus: 0x060,
  interruptAck: 0x064,
  status: 0x070,
  queueDescLow: 0x080,
  queueDescHigh: 0x084,
  queueDriverLow: 0x090,
  queueDriverHigh: 0x094,
  queueDeviceLow: 0x0a0,
  queueDeviceHigh: 0x0a4,
  shmLenLow: 0x0b0,
  shmLenHigh: 0x0b4,
  shmBaseLow: 0x0b8,
  shmBaseHigh: 0x0bc,
  configGeneration: 0x0fc,
  config: 0x100,
} as const;

const DRIVER_OK = 4;
const FEATURES_OK = 8;
const NEEDS_RESET = 0x40;
const F_ANY_LAYOUT = 1n << 27n;
const F_INDIRECT = 1n << 28n;
const F_EVENT_IDX = 1n << 29n;
const F_VERSION_1 = 1n << 32n;
const USED_BUFFER = 1;
const CONFIG_CHANGE = 2;
const U32 = 0xffff_ffff;

export interface VirtioConfig {
  /** 0 to 7; interrupt and address follow from it. */
  readonly slot: number;
  /** Version 1 of the transport. Version 2 when not given. */
  readonly legacy?: boolean;
}

export class VirtioMmio<D extends VirtioDevice = VirtioDevice> implements Device {
  readonly name: string;
  readonly base: number;
  readonly sizeBytes = 0x1000;
  /** The device behind the transport; undefined in an empty slot. */
  readonly device: D | undefined;
  private readonly legacy: boolean;
  private readonly queues: SplitQueue[];
  private status = 0;
  private deviceFeaturesSel = 0;
  private driverFeaturesSel = 0;
  private driverFeatures = 0n;
  private queueSel = 0;
  private interrupts = 0;
  private pageSize = 0;
  private queueAligns: number[];
  /** The driver broke the rules. A legacy driver is not told, as its status register has no such bit. */
  private broken = false;

  constructor(
    config: VirtioConfig,
    private readonly context: DeviceContext,
    makeDevice?: (port: VirtioPort) => D,
  ) {
    this.name = `virtio${config.slot}`;
    this.base = virtioSlotBase(config.slot);
    this.legacy = config.legacy ?? false;
    this.device = makeDevice?.({
      context,
      pop: (queue) => this.pop(queue),
      push: (queue, head, written) => this.push(queue, head, written),
      fault: () => this.fault(),
    });
    this.queues = (this.device?.queueSizes ?? []).map((size) => new SplitQueue(context.dma, size));
    this.queueAligns = this.queues.map(() => 4096);
  }

  read(offset: number, size: AccessSize): number {
    return this.peek(offset, size);
  }

  peek(offset: number, size: AccessSize): number {
    if (this.device !== undefined && offset >= R.config) return this.readConfig(offset - R.config, size);
    if (size !== 4) return 0;
    if (offset === R.magic) return MAGIC;
    if (offset === R.version) return this.legacy ? 1 : 2;
    if (offset === R.vendorId) return VENDOR;
    if (this.device === undefined) return 0;
    return this.readRegister(offset, this.device);
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (this.device === undefined) return;
    if (offset >= R.config) this.device.writeConfig(offset - R.config, size, value);
    else if (size === 4) this.writeRegister(offset, value);
  }

  deadline(): Instret | typeof Infinity {
    return this.device?.deadline() ?? Infinity;
  }

  onDeadline(now: Instret): Waiting | undefined {
    return this.device?.onDeadline(now);
  }

  save(): Section {
    const { legacy, status, deviceFeaturesSel, driverFeaturesSel, driverFeatures, queueSel } = this;
    const { interrupts, pageSize, queueAligns, broken } = this;
    const data = {
      ...{ legacy, status, deviceFeaturesSel, driverFeaturesSel, driverFeatures, queueSel },
      ...{ interrupts, pageSize, queueAligns: [...queueAligns], broken },
      deviceId: this.device?.deviceId ?? 0,
      queues: this.queues.map((queue) => queue.save()),
      device: this.device?.save() ?? {},
    };
    return { name: this.name, version: VERSION, data };
  }

  restore(section: Section): void {
    const fields = SectionReader.open(section, this.name, VERSION);
    const saved = { id: fields.number('deviceId'), legacy: fields.boolean('legacy') };
    const queues = fields.records('queues');
    if (
      saved.id !== (this.device?.deviceId ?? 0) ||
      saved.legacy !== this.legacy ||
      queues.length !== this.queues.length
    ) {
      throw userError(
        'DEVICE_MISMATCH',
        `the saved state of ${this.name} belongs to another device (kind ${saved.id}); ` +
          'start with the same disks and devices as when it was taken',
      );
    }
    this.status = fields.number('status', 0xff);
    this.deviceFeaturesSel = fields.number('deviceFeaturesSel', U32);
    this.driverFeaturesSel = fields.number('driverFeaturesSel', U32);
    this.driverFeatures = fields.u64('driverFeatures');
    this.queueSel = fields.number('queueSel', U32);
    this.interrupts = fields.number('interrupts', 3);
    this.pageSize = fields.number('pageSize', U32);
    this.queueAligns = fields.numbers('queueAligns', this.queues.length, U32);
    this.broken = fields.boolean('broken');
    queues.forEach((queue, index) => this.queues[index]?.restore(queue));
    this.device?.restore(fields.record('device'));
    this.context.deadlineChanged();
  }

  reset(): void {
    this.deviceFeaturesSel = this.driverFeaturesSel = this.queueSel = this.pageSize = 0;
    this.resetDevice();
  }

  private features(): bigint {
    const transport = F_INDIRECT | F_EVENT_IDX | (this.legacy ? F_ANY_LAYOUT : F_VERSION_1);
    return (this.device?.features ?? 0n) | transport;
  }

  private readRegister(offset: number, device: D): number {
    const queue = this.queues[this.queueSel];
    switch (offset) {
      case R.deviceId:
        return device.deviceId;
      case R.deviceFeatures:
        return this.deviceFeatures();
      case R.queueNumMax:
        return queue?.maxSize ?? 0;
      case R.queuePfn:
        return this.legacy && queue !== undefined && this.pageSize > 0
          ? Math.floor(queue.descriptors / this.pageSize) >>> 0
          : 0;
      case R.queueReady:
        return !this.legacy && queue?.ready === true ? 1 : 0;
      case R.interruptStatus:
        return this.interrupts;
      case R.status:
        return this.status;
      case R.shmLenLow:
      case R.shmLenHigh:
      case R.shmBaseLow:
      case R.shmBaseHigh:
        // No shared memory regions: a length of -1 (4.2.2).
        return this.legacy ? 0 : U32;
      case R.configGeneration:
        return 0; // configuration spaces never change under the driver's eyes
      default:
        return 0;
    }
  }

  private deviceFeatures(): number {
    const words = this.legacy ? 1 : 2;
    if (this.deviceFeaturesSel >= words) return 0;
    return Number(BigInt.asUintN(32, this.features() >> BigInt(32 * this.deviceFeaturesSel)));
  }

  private writeRegister(offset: number, value: number): void {
    switch (offset) {
      case R.deviceFeaturesSel:
        this.deviceFeaturesSel = value;
        break;
      case R.driverFeatures:
        this.writeDriverFeatures(value);
        break;
      case R.driverFeaturesSel:
        this.driverFeaturesSel = value;
        break;
      case R.queueSel:
        this.queueSel = value;
        break;
      case R.queueNotify:
        this.notify(value);
        break;
      case R.interruptAck:
        this.interrupts &= ~value;
        this.updateIrq();
        break;
      case R.status:
        this.writeStatus(value);
        break;
      default:
        if (this.legacy) this.writeLegacyQueue(offset, value);
        else this.writeQueue(offset, value);
    }
  }

  private writeDriverFeatures(value: number): void {
    if ((this.status & FEATURES_OK) !== 0 || this.driverFeaturesSel > (this.legacy ? 0 : 1)) return;
    const shift = BigInt(32 * this.driverFeaturesSel);
    this.driverFeatures = (this.driverFeatures & ~(BigInt(U32) << shift)) | (BigInt(value) << shift);
  }

  private writeStatus(value: number): void {
    const status = value & 0xff;
    if (status === 0) {
      this.resetDevice();
      return;
    }
    const before = this.status;
    this.status = status | (before & NEEDS_RESET);
    // A driver that wants what is not offered, or is older than version 1, finds FEATURES_OK unset (3.1.1).
    const agreed =
      (this.driverFeatures & ~this.features()) === 0n && (this.driverFeatures & F_VERSION_1) !== 0n;
    if (!this.legacy && !agreed) this.status &= ~FEATURES_OK;
    if ((this.status & ~before & DRIVER_OK) !== 0) {
      for (const queue of this.queues.keys()) this.notify(queue);
    }
  }

  /** Registers of the selected queue; those of a queue in use stay as they are (4.2.2.2). */
  private writeQueue(offset: number, value: number): void {
    const queue = this.queues[this.queueSel];
    if (queue === undefined) return;
    if (offset === R.queueReady) {
      if ((value & 1) === 0) queue.ready = false;
      else if (!queue.ready) queue.start();
      return;
    }
    if (queue.ready) return;
    switch (offset) {
      case R.queueNum:
        queue.resize(value);
        break;
      case R.queueDescLow:
        queue.descriptors = withLow(queue.descriptors, value);
        break;
      case R.queueDescHigh:
        queue.descriptors = withHigh(queue.descriptors, value);
        break;
      case R.queueDriverLow:
        queue.available = withLow(queue.available, value);
        break;
      case R.queueDriverHigh:
        queue.available = withHigh(queue.available, value);
        break;
      case R.queueDeviceLow:
        queue.used = withLow(queue.used, value);
        break;
      case R.queueDeviceHigh:
        queue.used = withHigh(queue.used, value);
        break;
    }
  }

  private writeLegacyQueue(offset: number, value: number): void {
    const queue = this.queues[this.queueSel];
    switch (offset) {
      case R.guestPageSize:
        if (isPowerOfTwo(value)) this.pageSize = value;
        break;
      case R.queueNum:
        if (queue?.ready === false) queue.resize(value);
        break;
      case R.queueAlign:
        if (queue !== undefined && isPowerOfTwo(value)) this.queueAligns[this.queueSel] = value;
        break;
      case R.queuePfn:
        if (queue !== undefined) this.placeLegacyQueue(queue, value);
        break;
    }
  }

  /** One contiguous area holds all three parts (2.7.2). Page 0 means that the queue is given up. */
  private placeLegacyQueue(queue: SplitQueue, page: number): void {
    if (page === 0) {
      queue.reset();
      return;
    }
    const align = this.queueAligns[this.queueSel] ?? 4096;
    const address = page * this.pageSize;
    queue.descriptors = guestAddress(highOf(address), address % 2 ** 32);
    queue.available = Math.min(queue.descriptors + 16 * queue.size, Number.MAX_SAFE_INTEGER);
    // A wild address stays one, and below 2^53.
    const used = Math.ceil((queue.available + 6 + 2 * queue.size) / align) * align;
    queue.used = Math.min(used, Number.MAX_SAFE_INTEGER);
    queue.start();
  }

  private readConfig(offset: number, size: AccessSize): number {
    const config = this.device?.config() ?? new Uint8Array(0);
    let value = 0;
    for (let index = size - 1; index >= 0; index--) value = value * 256 + (config[offset + index] ?? 0);
    return value;
  }

  /** Legacy drivers may use the queues before they say DRIVER_OK, and some do. */
  private isLive(): boolean {
    return !this.broken && (this.legacy || (this.status & DRIVER_OK) !== 0);
  }

  private eventIndex(): boolean {
    return (this.driverFeatures & F_EVENT_IDX) !== 0n;
  }

  private notify(queue: number): void {
    if (this.isLive() && this.queues[queue]?.ready === true) this.device?.notify(queue);
  }

  private pop(index: number): Chain | undefined {
    const queue = this.queues[index];
    if (queue === undefined || !this.isLive()) return undefined;
    const chain = queue.pop(this.eventIndex());
    if (chain === 'fault') this.fault();
    return typeof chain === 'string' ? undefined : chain;
  }

  private push(index: number, head: number, written: number): void {
    const queue = this.queues[index];
    if (queue === undefined || this.broken) return;
    const wanted = queue.push(head, written, this.eventIndex());
    if (wanted === 'fault') this.fault();
    else if (wanted) this.interrupt(USED_BUFFER);
  }

  private fault(): void {
    this.broken = true;
    if (this.legacy) return;
    this.status |= NEEDS_RESET;
    if ((this.status & DRIVER_OK) !== 0) this.interrupt(CONFIG_CHANGE);
  }

  private interrupt(kind: number): void {
    this.interrupts |= kind;
    this.updateIrq();
  }

  private updateIrq(): void {
    this.context.setIrq(this.interrupts !== 0);
  }

  private resetDevice(): void {
    this.status = this.interrupts = 0;
    this.driverFeatures = 0n;
    this.broken = false;
    for (const queue of this.queues) queue.reset();
    this.queueAligns.fill(4096);
    this.device?.reset();
    this.updateIrq();
  }
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));
const highOf = (address: number): number => Math.floor(address / 2 ** 32);
const withLow = (address: number, value: number): number => guestAddress(highOf(address), value);
const withHigh = (address: number, value: number): number => guestAddress(value, address % 2 ** 32);
