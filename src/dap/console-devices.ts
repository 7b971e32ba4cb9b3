/** `info devices`: the machine's devices where the session is in time, and what each is doing, in a line. */
import type { SectionData } from '../machine/device';
import type { DeviceState } from '../timetravel/api';

type Fields = Readonly<Record<string, SectionData>>;

const isFields = (data: SectionData | undefined): data is Fields =>
  typeof data === 'object' && data !== null && !Array.isArray(data) && !(data instanceof Uint8Array);
const number = (data: SectionData | undefined): number => (typeof data === 'number' ? data : 0);
const list = (data: SectionData | undefined): readonly SectionData[] =>
  Array.isArray(data) ? (data as readonly SectionData[]) : [];
const sizeOf = (data: SectionData | undefined): number => (data instanceof Uint8Array ? data.length : 0);

/** Names of the bits that are set, lowest first. */
const bits = (value: number, names: readonly string[]): string =>
  names.filter((_, bit) => ((value >> bit) & 1) !== 0).join(', ');

const orNone = (text: string): string => (text === '' ? 'none' : text);

/** PC16550D data sheet, 8.6.7. */
const UART_INTERRUPTS = ['received data', 'transmitter empty', 'line status', 'modem status'];

function uart(state: Fields): string {
  const enabled = orNone(bits(number(state['ier']), UART_INTERRUPTS));
  const input = `${sizeOf(state['fifo'])} bytes received, ${sizeOf(state['waiting'])} behind them`;
  return `interrupts enabled: ${enabled}; ${input}`;
}

/** Numbers of the bits in words of 32. */
const sources = (words: readonly SectionData[]): number[] =>
  words.flatMap((word, index) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => ((number(word) >>> bit) & 1) !== 0)
      .map((bit) => 32 * index + bit),
  );

/** Words of one context in `enabled` (RISC-V PLIC specification, as in QEMU's `virt`: 96 sources). */
const CONTEXT_WORDS = 3;

function plic(state: Fields): string {
  const enabled = list(state['enabled']);
  const contexts = Array.from({ length: enabled.length / CONTEXT_WORDS }, (_, context) => {
    const own = sources(enabled.slice(CONTEXT_WORDS * context, CONTEXT_WORDS * (context + 1)));
    const who = `hart ${context >> 1} ${(context & 1) === 0 ? 'M' : 'S'}`;
    return own.length === 0 ? [] : [`${who}: ${own.join(' ')}`];
  }).flat();
  const pending = orNone(sources(list(state['pending'])).join(' '));
  const claimed = orNone(sources(list(state['claimed'])).join(' '));
  return `pending: ${pending}; claimed: ${claimed}; enabled: ${orNone(contexts.join(', '))}`;
}

function clint(state: Fields): string {
  const software = list(state['software']);
  const harts = list(state['timecmp']).map((time, hart) => {
    const goal = typeof time === 'bigint' && time >> 63n === 0n ? `at ${time}` : 'off';
    return `hart ${hart}: timer ${goal}${number(software[hart]) === 0 ? '' : ', software interrupt'}`;
  });
  return harts.join('; ');
}

const rtc = (state: Fields): string =>
  `alarm ${state['alarmArmed'] === true ? 'set' : 'off'}, interrupt ${state['irqEnabled'] === true ? 'enabled' : 'off'}${state['irqPending'] === true ? ' and pending' : ''}`;

/** virtio 1.2, 5 and 2.1. */
const VIRTIO_KINDS: Readonly<Record<number, string>> = {
  1: 'network',
  2: 'block',
  3: 'console',
  4: 'entropy',
};
const VIRTIO_STATUS = ['ACKNOWLEDGE', 'DRIVER', 'DRIVER_OK', 'FEATURES_OK', '', '', 'NEEDS_RESET', 'FAILED'];

function virtio(state: Fields): string {
  const kind = number(state['deviceId']);
  if (kind === 0) return 'empty slot';
  const queues = list(state['queues']).flatMap((queue, index) => {
    if (!isFields(queue) || (queue['ready'] !== true && number(queue['descriptors']) === 0)) return [];
    return [
      `queue ${index}: ${number(queue['nextAvailable'])} taken, ${number(queue['nextUsed'])} used of ${number(queue['size'])}`,
    ];
  });
  const status = orNone(bits(number(state['status']), VIRTIO_STATUS));
  const interrupt = number(state['interrupts']) === 0 ? '' : '; interrupt pending';
  const what = VIRTIO_KINDS[kind] ?? `kind ${kind}`;
  return [`${what}; status: ${status}${interrupt}`, ...queues].join('; ');
}

/** By the name of the section, without its number. */
const DEVICES: Readonly<Record<string, readonly [what: string, state: (state: Fields) => string]>> = {
  finisher: ['power off and reset (sifive,test)', () => ''],
  rtc: ['real-time clock (google,goldfish-rtc)', rtc],
  clint: ['timers and software interrupts (riscv,clint0)', clint],
  plic: ['interrupt controller (riscv,plic0)', plic],
  uart: ['console (ns16550a)', uart],
  virtio: ['virtio-mmio', virtio],
};

/** One line for each: physical addresses, name, what it is and how it stands. */
export function deviceLines(devices: readonly DeviceState[]): string[] {
  return devices.map(({ name, base, sizeBytes, state }) => {
    const [what, describe] = DEVICES[name.replace(/\d+$/u, '')] ?? ['', () => ''];
    const text = isFields(state) ? describe(state) : '';
    const range = `0x${base.toString(16)}-0x${(base + sizeBytes - 1).toString(16)}`;
    return `${range.padEnd(22)} ${name.padEnd(9)} ${[what, text].filter((part) => part !== '').join(': ')}`;
  });
}
