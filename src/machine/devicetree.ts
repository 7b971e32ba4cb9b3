/**
 * The device tree of QEMU's `virt` board as far as this machine has its parts: the same nodes, names, addresses and
 * interrupt numbers as `qemu-system-riscv64 -M virt,dumpdtb=...` shows. No node describes what is not there (PCI, flash, fw-cfg,
 * platform bus, PMU). The rng-seed is fixed, so that two runs are one (I1).
 */
import { CLINT_BASE } from './devices/clint';
import { FINISHER_BASE } from './devices/finisher';
import { PLIC_BASE, PLIC_SOURCES } from './devices/plic';
import { RTC_BASE, RTC_IRQ } from './devices/rtc';
import { UART_BASE, UART_IRQ } from './devices/uart';
import { VIRTIO_SLOTS, virtioSlotBase, virtioSlotIrq } from './devices/virtio/slots';
import { cells, cells64, flag, flattenDeviceTree, node, strings, type FdtNode } from './fdt';

const DRAM_BASE = 0x80000000;
const TIMEBASE_HZ = 10_000_000;
/** Input clock of QEMU's serial port; drivers divide it for their baud rate. */
const UART_CLOCK_HZ = 3_686_400;
const CACHE_BLOCK_BYTES = 64;
const PLIC_PHANDLE = 1;
const TEST_PHANDLE = 2;
const RNG_SEED = [
  ...[0x3e2a91c7, 0x10f4b85d, 0xc6d7032b, 0x95a81f6e],
  ...[0x7b0ce942, 0xe8153da0, 0x2fd4706b, 0x81b9c53e],
] as const;

export interface ReservedRange {
  readonly name: string;
  readonly start: number;
  readonly sizeBytes: number;
}

export interface DeviceTreeConfig {
  readonly memoryBytes: number;
  /** 1 to 8. */
  readonly harts: number;
  /** Value of riscv,isa: "rv64imafdc_zicsr_...". */
  readonly isa: string;
  /** Values of riscv,isa-extensions: "i", "m", ..., "zicsr". */
  readonly extensions: readonly string[];
  readonly mmuType: 'none' | 'sv39' | 'sv48' | 'sv57';
  readonly bootargs?: string;
  /** Physical range of the initial RAM disk; `end` is the first address behind it. */
  readonly initrd?: { readonly start: number; readonly end: number };
  /** The serial port by default. */
  readonly stdoutPath?: string;
  /** RAM that a guest must leave alone: firmware that lives there. */
  readonly reserved?: readonly ReservedRange[];
}

/** The flattened tree. */
export function buildDeviceTree(config: DeviceTreeConfig): Uint8Array {
  return flattenDeviceTree(deviceTree(config));
}

/** The tree as data: for tests, and for whoever wants to show it. */
export function deviceTree(config: DeviceTreeConfig): FdtNode {
  const serial = `/soc/serial@${hex(UART_BASE)}`;
  return node(
    '',
    [
      cells('#address-cells', 2),
      cells('#size-cells', 2),
      strings('compatible', 'riscv-virtio'),
      strings('model', 'riscv-virtio,qemu'),
    ],
    [
      node('aliases', [strings('serial0', serial)]),
      chosen(config, config.stdoutPath ?? serial),
      ...reservedMemory(config.reserved ?? []),
      syscon('poweroff', 0x5555),
      syscon('reboot', 0x7777),
      node(`memory@${hex(DRAM_BASE)}`, [
        strings('device_type', 'memory'),
        cells64('reg', DRAM_BASE, config.memoryBytes),
      ]),
      cpus(config),
      soc(config),
    ],
  );
}

function chosen(config: DeviceTreeConfig, stdoutPath: string): FdtNode {
  const { bootargs, initrd } = config;
  return node('chosen', [
    bootargs === undefined ? undefined : strings('bootargs', bootargs),
    initrd === undefined ? undefined : cells64('linux,initrd-start', initrd.start),
    initrd === undefined ? undefined : cells64('linux,initrd-end', initrd.end),
    strings('stdout-path', stdoutPath),
    cells('rng-seed', ...RNG_SEED),
  ]);
}

function reservedMemory(ranges: readonly ReservedRange[]): FdtNode[] {
  if (ranges.length === 0) return [];
  const children = ranges.map(({ name, start, sizeBytes }) =>
    node(`${name}@${hex(start)}`, [cells64('reg', start, sizeBytes), flag('no-map')]),
  );
  const properties = [cells('#address-cells', 2), cells('#size-cells', 2), flag('ranges')];
  return [node('reserved-memory', properties, children)];
}

const syscon = (name: 'poweroff' | 'reboot', value: number): FdtNode =>
  node(name, [
    cells('value', value),
    cells('offset', 0),
    cells('regmap', TEST_PHANDLE),
    strings('compatible', `syscon-${name}`),
  ]);

const cpuPhandle = (hart: number): number => 0x10 + 2 * hart;
const intcPhandle = (hart: number): number => 0x11 + 2 * hart;
const hartIds = (config: DeviceTreeConfig): number[] =>
  Array.from({ length: config.harts }, (_, hart) => hart);

function cpus(config: DeviceTreeConfig): FdtNode {
  const harts = hartIds(config);
  const cores = harts.map((hart) => node(`core${hart}`, [cells('cpu', cpuPhandle(hart))]));
  return node(
    'cpus',
    [cells('#address-cells', 1), cells('#size-cells', 0), cells('timebase-frequency', TIMEBASE_HZ)],
    [...harts.map((hart) => cpu(config, hart)), node('cpu-map', [], [node('cluster0', [], cores)])],
  );
}

function cpu(config: DeviceTreeConfig, hart: number): FdtNode {
  const has = (extension: string) => config.extensions.includes(extension);
  const block = (extension: string, property: string) =>
    has(extension) ? cells(property, CACHE_BLOCK_BYTES) : undefined;
  const controller = node('interrupt-controller', [
    cells('#interrupt-cells', 1),
    flag('interrupt-controller'),
    strings('compatible', 'riscv,cpu-intc'),
    cells('phandle', intcPhandle(hart)),
  ]);
  return node(
    `cpu@${hex(hart)}`,
    [
      cells('phandle', cpuPhandle(hart)),
      strings('device_type', 'cpu'),
      cells('reg', hart),
      strings('status', 'okay'),
      strings('compatible', 'riscv'),
      block('zicboz', 'riscv,cboz-block-size'),
      block('zicbom', 'riscv,cbom-block-size'),
      block('zicbop', 'riscv,cbop-block-size'),
      strings('riscv,isa', config.isa),
      strings('riscv,isa-base', 'rv64i'),
      strings('riscv,isa-extensions', ...config.extensions),
      strings('mmu-type', `riscv,${config.mmuType}`),
    ],
    [controller],
  );
}

function soc(config: DeviceTreeConfig): FdtNode {
  const slots = Array.from({ length: VIRTIO_SLOTS }, (_, index) => VIRTIO_SLOTS - 1 - index);
  return node(
    'soc',
    [
      cells('#address-cells', 2),
      cells('#size-cells', 2),
      strings('compatible', 'simple-bus'),
      flag('ranges'),
    ],
    [
      node(`rtc@${hex(RTC_BASE)}`, [
        ...interrupt(RTC_IRQ),
        cells64('reg', RTC_BASE, 0x1000),
        strings('compatible', 'google,goldfish-rtc'),
      ]),
      node(`serial@${hex(UART_BASE)}`, [
        ...interrupt(UART_IRQ),
        cells('clock-frequency', UART_CLOCK_HZ),
        cells64('reg', UART_BASE, 0x100),
        strings('compatible', 'ns16550a'),
      ]),
      node(`test@${hex(FINISHER_BASE)}`, [
        cells('phandle', TEST_PHANDLE),
        cells64('reg', FINISHER_BASE, 0x1000),
        strings('compatible', 'sifive,test1', 'sifive,test0', 'syscon'),
      ]),
      ...slots.map((slot) =>
        node(`virtio_mmio@${hex(virtioSlotBase(slot))}`, [
          ...interrupt(virtioSlotIrq(slot)),
          cells64('reg', virtioSlotBase(slot), 0x1000),
          strings('compatible', 'virtio,mmio'),
        ]),
      ),
      plic(config),
      clint(config),
    ],
  );
}

const interrupt = (irq: number) => [cells('interrupts', irq), cells('interrupt-parent', PLIC_PHANDLE)];

/** Interrupt numbers at a hart: 3 and 7 are MSIP and MTIP, 11 and 9 MEIP and SEIP. */
const wires = (config: DeviceTreeConfig, ...numbers: readonly number[]) =>
  cells(
    'interrupts-extended',
    ...hartIds(config).flatMap((hart) => numbers.flatMap((number) => [intcPhandle(hart), number])),
  );

const plic = (config: DeviceTreeConfig): FdtNode =>
  node(`plic@${hex(PLIC_BASE)}`, [
    cells('phandle', PLIC_PHANDLE),
    // QEMU 7.2 says 96; the highest source there is has number 95, and no driver asks for another.
    cells('riscv,ndev', PLIC_SOURCES - 1),
    cells64('reg', PLIC_BASE, 0x600000),
    wires(config, 11, 9),
    flag('interrupt-controller'),
    strings('compatible', 'sifive,plic-1.0.0', 'riscv,plic0'),
    cells('#address-cells', 0),
    cells('#interrupt-cells', 1),
  ]);

const clint = (config: DeviceTreeConfig): FdtNode =>
  node(`clint@${hex(CLINT_BASE)}`, [
    wires(config, 3, 7),
    cells64('reg', CLINT_BASE, 0x10000),
    strings('compatible', 'sifive,clint0', 'riscv,clint0'),
  ]);

const hex = (value: number): string => value.toString(16);
