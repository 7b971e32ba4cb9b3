/**
 * The devices of QEMU's `virt` board, wired up: interrupt lines into the PLIC, the PLIC and CLINT into the harts,
 * bus mastering into RAM, the console, the disks. Order of devices is fixed: it decides who is served first at one
 * instant, and the order of saved sections.
 */
import type { Instret } from '../base/brand';
import { defined, invariant } from '../base/errors';
import type { MachineConfig } from './config';
import type { Device, DeviceContext, DiskPort, Section, Waiting } from './device';
import { Clint } from './devices/clint';
import { Finisher } from './devices/finisher';
import { Plic } from './devices/plic';
import { Rtc, RTC_IRQ } from './devices/rtc';
import { Uart, UART_IRQ } from './devices/uart';
import { createVirtioBlk } from './devices/virtio/blk';
import { createVirtioConsole, type VirtioConsole } from './devices/virtio/console';
import { VirtioMmio } from './devices/virtio/mmio';
import { createVirtioRng } from './devices/virtio/rng';
import { placeVirtio, VIRTIO_SLOTS, virtioSlotIrq } from './devices/virtio/slots';
import { INSTRUCTIONS_PER_TICK } from './config';
import type { GuestMemory } from './memory';
import { SectionCache } from './section-cache';
import type { Finished } from './stop';

export interface BoardHost {
  readonly memory: GuestMemory;
  now(): Instret;
  ticks(): number;
  /** An interrupt line of a hart (bit of mip). */
  setLine(hart: number, line: number, level: boolean): void;
  deadlinesChanged(): void;
  setTicks(ticks: number): void;
  finish(finished: Finished | 'reset'): void;
  onConsole(byte: number): void;
}

const CONSOLE_SECTION = 'console';
const MSIP = 3;
const SEIP = 9;
const MEIP = 11;

export class Board {
  readonly devices: readonly Device[];
  readonly disks: readonly DiskPort[];
  private readonly sections = new SectionCache();
  private readonly clint: Clint;
  private readonly uart: Uart;
  private readonly virtio: readonly VirtioMmio[];
  private virtioConsole: VirtioMmio<VirtioConsole> | undefined;
  /** The console that the guest wrote to last is the one that is typed at. Guest state: it decides where input goes. */
  private consoleInUse: 'uart' | 'virtio' = 'uart';

  constructor(
    private readonly config: MachineConfig,
    private readonly host: BoardHost,
  ) {
    const plic = new Plic({ harts: config.harts }, (context, level) => {
      host.setLine(context >> 1, context % 2 === 0 ? MEIP : SEIP, level);
    });
    const context = (irq: number): DeviceContext => ({
      dma: {
        read: (address, size) =>
          host.memory.contains(address, size) ? host.memory.read(address, size) : undefined,
        write: (address, bytes) => {
          if (!host.memory.contains(address, bytes.length)) return false;
          host.memory.write(address, bytes);
          return true;
        },
      },
      now: () => host.now(),
      ticks: () => host.ticks(),
      instructionsPerTick: INSTRUCTIONS_PER_TICK,
      setIrq: (level) => {
        this.sections.changed(plic);
        plic.setLine(irq, level);
      },
      deadlineChanged: () => {
        host.deadlinesChanged();
      },
    });
    this.clint = new Clint({ harts: config.harts }, context(0), {
      setSoftware: (hart, level) => {
        host.setLine(hart, MSIP, level);
      },
      timecmpChanged: () => {
        host.deadlinesChanged();
      },
      setTicks: (ticks) => {
        host.setTicks(Number(BigInt.asUintN(52, ticks)));
      },
    });
    const finisher = new Finisher((finish) => {
      if (finish.kind === 'reset') host.finish('reset');
      else if (finish.kind === 'poweroff') host.finish({ kind: 'finished', reason: 'poweroff', exitCode: 0 });
      else host.finish({ kind: 'finished', reason: 'fail', exitCode: finish.code });
    });
    const rtc = new Rtc(
      config.rtcStartNs === undefined ? {} : { startNs: config.rtcStartNs },
      context(RTC_IRQ),
    );
    this.uart = new Uart({}, context(UART_IRQ), (byte) => {
      this.consoleInUse = 'uart';
      host.onConsole(byte);
    });
    this.virtio = this.makeVirtio(context);
    this.disks = (config.disks ?? []).map((disk) => disk.port);
    this.devices = [this.clint, plic, this.uart, finisher, rtc, ...this.virtio];
  }

  /** Disks first, then entropy and the second console, each in the highest free slot, as on QEMU. */
  private makeVirtio(context: (irq: number) => DeviceContext): VirtioMmio[] {
    const { config, host } = this;
    const legacy = config.legacyVirtio ?? false;
    const disks = config.disks ?? [];
    // With all slots wanted by disks, the other devices give way.
    const extras = (['rng', 'console'] as const).slice(0, Math.max(0, VIRTIO_SLOTS - disks.length));
    const slots = placeVirtio([
      ...disks.map((disk) => ({ slot: disk.slot })),
      ...extras.map(() => ({ slot: undefined })),
    ]);
    return Array.from({ length: VIRTIO_SLOTS }, (_, slot) => {
      const own = context(virtioSlotIrq(slot));
      const index = slots.indexOf(slot);
      const disk = disks[index];
      if (disk) {
        const serial = disk.serial === undefined ? {} : { serial: disk.serial };
        const onError = disk.onError === undefined ? {} : { onError: disk.onError };
        return createVirtioBlk({ slot, legacy, ...serial, ...onError }, own, disk.port);
      }
      const extra = index < 0 ? undefined : extras[index - disks.length];
      if (extra === 'rng') {
        const seed = config.seed === undefined ? {} : { seed: Number(BigInt.asUintN(32, config.seed)) };
        return createVirtioRng({ slot, legacy, ...seed }, own);
      }
      if (extra === 'console') {
        const device = createVirtioConsole({ slot, legacy }, own, (byte) => {
          this.consoleInUse = 'virtio';
          host.onConsole(byte);
        });
        this.virtioConsole = device;
        return device;
      }
      return new VirtioMmio({ slot, legacy }, own);
    });
  }

  timecmp(hart: number): bigint {
    return this.clint.timecmp(hart);
  }

  /** Serves all deadlines up to now, in the order of devices; what must wait for the host is returned. */
  serviceDeadlines(now: Instret): Waiting | undefined {
    for (const device of this.devices) {
      while (device.deadline() <= now) {
        this.sections.changed(device);
        const waiting = device.onDeadline(now);
        if (waiting) return waiting;
      }
    }
    return undefined;
  }

  nextDeadline(): number {
    return Math.min(...this.devices.map((device) => device.deadline()));
  }

  // --- saving

  /** The guest is about to reach the device through the bus. */
  accessed(device: Device): void {
    this.sections.changed(device);
  }

  /** For a checkpoint: what did not change since the last one is not saved again. */
  freeze(): Section[] {
    return this.everySection((device) => this.sections.save(device));
  }

  save(): Section[] {
    return this.everySection((device) => device.save());
  }

  private everySection(save: (device: Device) => Section): Section[] {
    return [...this.devices.map(save), { name: CONSOLE_SECTION, version: 1, data: this.consoleInUse }];
  }

  /** By name, never by position. Sections of devices that this board has not are ignored. */
  restore(sections: readonly Section[]): void {
    this.sections.clear();
    const named = new Map(sections.map((section) => [section.name, section]));
    for (const device of this.devices) {
      device.restore(defined(named.get(device.name), `state of ${device.name} was saved`));
    }
    this.consoleInUse = named.get(CONSOLE_SECTION)?.data === 'virtio' ? 'virtio' : 'uart';
  }

  /** System reset. */
  reset(): void {
    this.sections.clear();
    for (const device of this.devices) device.reset();
    this.consoleInUse = 'uart';
  }

  /** Requests in flight are forgotten: a restored state brings its own. */
  cancelDisks(): void {
    this.sections.clear();
    for (const device of this.virtio) device.reset();
  }

  // --- console

  /** Input from outside, at this instant. */
  consoleInput(bytes: Uint8Array): void {
    this.sections.changed(this.uart);
    if (this.virtioConsole) this.sections.changed(this.virtioConsole);
    const virtio = this.consoleInUse === 'virtio' ? this.virtioConsole?.device : undefined;
    (virtio ?? this.uart).receive(bytes);
  }

  /** A byte for firmware that reads the console by polling. */
  takeConsoleByte(): number | undefined {
    const DATA = 0;
    const LINE_STATUS = 5;
    this.sections.changed(this.uart);
    if ((this.uart.read(LINE_STATUS, 1) & 1) === 0) return undefined;
    return this.uart.read(DATA, 1);
  }

  // --- reset vector

  /**
   * The ROM at 0x1000, as QEMU's: a0 = mhartid, a1 = device tree, a2 = fw_dynamic_info, then a jump. The words are
   * auipc t0,0; addi a2,t0,40; csrr a0,mhartid; ld a1,32(t0); ld t0,24(t0); jr t0.
   */
  resetRom(): Uint8Array {
    const { boot } = this.config;
    const rom = new DataView(new ArrayBuffer(40 + 6 * 8));
    [0x0000_0297, 0x0282_8613, 0xf140_2573, 0x0202_b583, 0x0182_b283, 0x0002_8067].forEach((word, index) => {
      rom.setUint32(4 * index, word, true);
    });
    const NEXT_MODE_S = 1;
    // struct fw_dynamic_info of OpenSBI: magic "OSBI", version 2, next address, next mode, options, boot hart.
    const dwords = [boot.entry, boot.fdtAddress, 0x4942_534f, 2, boot.nextEntry, NEXT_MODE_S, 0, 0];
    dwords.forEach((value, index) => {
      rom.setBigUint64(24 + 8 * index, BigInt(value), true);
    });
    return new Uint8Array(rom.buffer);
  }

  // --- HTIF

  /**
   * The guest wrote tohost (Spike's host-target interface): device 0 ends the run or proxies a system call, device 1
   * is the console. Returns the exit code when the run has ended.
   */
  htif(memory: GuestMemory): number | undefined {
    const { tohost, fromhost } = this.config.boot;
    invariant(tohost !== undefined, 'a tohost that was written exists');
    const word = (address: number): bigint =>
      new DataView(memory.read(address, 8).buffer).getBigUint64(0, true);
    const put = (address: number, value: bigint): void => {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value, true);
      memory.write(address, bytes);
    };
    const value = word(tohost);
    if (value === 0n) return undefined;
    const device = Number(value >> 56n);
    const command = Number((value >> 48n) & 0xffn);
    const payload = Number(value & 0xffff_ffff_ffffn);
    if (device === 0 && payload % 2 === 1) return Math.floor(payload / 2);
    const reply = (answer: bigint): void => {
      put(tohost, 0n);
      if (fromhost !== undefined) put(fromhost, answer);
    };
    if (device === 1 && command === 1) {
      this.host.onConsole(payload & 0xff);
      reply((value >> 48n) << 48n);
    } else if (device === 1) {
      const byte = this.takeConsoleByte();
      if (byte === undefined) put(tohost, 0n);
      else reply(((value >> 48n) << 48n) | BigInt(byte));
    } else if (device === 0 && memory.contains(payload, 64)) {
      this.proxySystemCall(memory, payload);
      reply(1n);
    } else put(tohost, 0n);
    return undefined;
  }

  /** Spike's proxied system call: 8 words at `at`: number, arguments; the result replaces the number. Only write. */
  private proxySystemCall(memory: GuestMemory, at: number): void {
    const view = new DataView(memory.read(at, 64).buffer);
    const argument = (index: number): number => Number(view.getBigUint64(8 * index, true));
    const SYS_WRITE = 64;
    const ENOSYS = 38n;
    let result = -ENOSYS;
    const [pointer, length] = [argument(2), Math.min(argument(3), 0x10000)];
    if (argument(0) === SYS_WRITE && memory.contains(pointer, length)) {
      for (const byte of memory.read(pointer, length)) this.host.onConsole(byte);
      result = BigInt(length);
    }
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, result, true);
    memory.write(at, bytes);
  }
}
