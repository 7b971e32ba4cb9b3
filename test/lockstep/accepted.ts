/**
 * Every difference from QEMU 7.2 that is accepted, with its reason: where QEMU and the specification part, or where the
 * specification leaves a choice. What is not here is a failure.
 */
import { interruptDue, PC, PRIV, registerIndex, type Difference, type State } from './state';

/** Bits of a register that are not compared at all. */
export interface MaskedBits {
  readonly register: string;
  /** Not compared. */
  readonly bits: bigint;
  readonly reason: string;
}

export const MASKED: readonly MaskedBits[] = [
  {
    register: 'menvcfg',
    bits: 1n << 61n,
    reason: 'ADUE (privileged spec, Svadu): QEMU 7.2 has no such bit and always updates A and D',
  },
];

export const COMPARED_MASKS: ReadonlyMap<number, bigint> = new Map(
  MASKED.map(({ register, bits }) => [registerIndex(register), BigInt.asUintN(64, ~bits)]),
);

/** What is known when two machines differ after an instruction. */
export interface Divergence {
  readonly before: State;
  /** Ours, afterwards. */
  readonly after: State;
  /** The instruction's bits, 0 if it could not be fetched. */
  readonly insn: number;
  /** The row's name, or undefined for what is not an instruction. */
  readonly name: string | undefined;
  /** rs1 plus immediate, for what has them. */
  readonly address: bigint | undefined;
  readonly differences: readonly Difference[];
  /** The page table's entry for an address; undefined where there is none. */
  leaf(address: bigint): bigint | undefined;
}

/** A difference that is accepted: our machine is given QEMU's values, and both go on. */
export interface AcceptedDivergence {
  readonly name: string;
  readonly reason: string;
  applies(divergence: Divergence): boolean;
}

const only = (divergence: Divergence, ...registers: string[]): boolean =>
  divergence.differences.every(({ register }) => registers.includes(register));
const every = (divergence: Divergence, holds: (difference: Difference) => boolean): boolean =>
  divergence.differences.every(holds);
/** The bits that differ lie within `bits`. */
const within = (difference: Difference, bits: bigint): boolean =>
  ((difference.ours ^ difference.theirs) & ~bits) === 0n;

/** Registers afterwards: of our machine, and of QEMU. */
const ourOwn = ({ after }: Divergence, register: string): bigint => after[registerIndex(register)] ?? 0n;
const qemus = (divergence: Divergence, register: string): bigint =>
  divergence.differences.find((difference) => difference.register === register)?.theirs ??
  ourOwn(divergence, register);
/** The cause of the trap that an instruction ended in, told by where a machine is then: not every judge shows the mode. */
function trapCause(divergence: Divergence, of: typeof ourOwn): bigint {
  const [toMachine, toSupervisor] = ['mtvec', 'stvec'].map(
    (name) => of(divergence, 'pc') === ((divergence.before[registerIndex(name)] ?? 0n) & ~3n),
  );
  const isMachine = toMachine === toSupervisor ? of(divergence, 'priv') === 3n : toMachine === true;
  return of(divergence, isMachine ? 'mcause' : 'scause');
}
const MEMORY = /^(c\.)?(l[bhwd]u?|s[bhwd]|f[ls][wd]|amo\w+\.[wd]|lr\.[wd]|sc\.[wd])(sp)?$/;
/** Bits that may be written into a CSR with different results. */
const LEGALIZED: readonly (readonly [RegExp, bigint])[] = [
  [/^pmpaddr/, 0x3ffn << 54n],
  [/^pmpcfg/, 0x6262_6262_6262_6262n],
  [/^[ms]counteren$/, 0xffff_ffffn << 32n],
  // VS, MPP, UXL, and the hypervisor extension's GVA and MPV, which QEMU 7.2 keeps without the extension too.
  [/^mstatus$/, (3n << 9n) | (3n << 11n) | (3n << 32n) | (3n << 38n)],
  [/^[ms]epc$/, 1n],
  [/^[ms]tvec$/, -1n],
  [/^(mideleg|mie|mip)$/, ~0xaaan],
  [/^[ms]envcfg$/, -1n],
];
/** The last range is PCIe's second window, behind RAM. */
const isDevice = (address: bigint | undefined): boolean =>
  address !== undefined &&
  ((address >= 0x1000n && address < 0x8000_0000n) || (address >= 4n << 32n && address < 8n << 32n));
/** An interrupt, by its cause, is pending and enabled. */
const isEnabled = (state: State, cause: bigint): boolean =>
  (((state[registerIndex('mip')] ?? 0n) & (state[registerIndex('mie')] ?? 0n)) >> (cause & 63n)) % 2n === 1n;
const CAUSES = [1n, 3n, 5n, 7n, 9n, 11n];
const ACCESS_FAULTS = [1n, 5n, 7n];
const PAGE_FAULTS = [12n, 13n, 15n];
/** Of an access, not of a fetch. */
const isAccessFault = (cause: bigint): boolean => cause === 5n || cause === 7n;
/** The image's RAM is the least that both machines have. */
const rootOutsideRam = (satp: bigint): boolean => {
  const root = BigInt.asUintN(44, satp) << 12n;
  return satp >> 60n !== 0n && (root < 0x8000_0000n || root >= 0x8000_0000n + (128n << 20n));
};
/** U and X of a page table's entry. */
const USER_CODE = 0x18n;
const FS = 3n << 13n;
const SD = 1n << 63n;
const MPRV = 1n << 17n;
const SUM = 1n << 18n;
const ADUE = 1n << 61n;

export const ACCEPTED: readonly AcceptedDivergence[] = [
  {
    name: 'ebreak: tval is pc, not 0',
    reason:
      'privileged spec 3.1.16: tval of a breakpoint is 0 or the address; QEMU 7.2 writes 0, later ones the address',
    applies: (d) =>
      /ebreak$/.test(d.name ?? '') && only(d, 'mtval', 'stval') && every(d, ({ theirs }) => theirs === 0n),
  },
  {
    name: 'xret clears MPRV',
    reason: 'privileged spec 3.1.6.3: a return to a mode below M clears MPRV; QEMU 7.2 does not',
    applies: (d) =>
      // Where an interrupt comes right after the return, the instruction is the one that it comes before.
      (/^[ms]ret$/.test(d.name ?? '') || interruptDue(d.before)) &&
      only(d, 'mstatus') &&
      every(d, (x) => within(x, MPRV) && (x.theirs & MPRV) !== 0n),
  },
  {
    name: 'illegal instruction: tval 0',
    reason:
      'privileged spec 3.1.16: tval is the instruction or 0; QEMU 7.2 loses it where a helper finds the mode wrong',
    applies: (d) =>
      only(d, 'mtval', 'stval') && every(d, ({ ours, theirs }) => theirs === 0n && ours === BigInt(d.insn)),
  },
  {
    name: 'AMO faults are store faults',
    reason:
      'unprivileged spec, "A", and privileged spec table 3.6: AMOs raise store/AMO exceptions; QEMU 7.2 loads first',
    applies: (d) =>
      /^(amo|sc)/.test(d.name ?? '') &&
      d.differences.some(({ register }) => /^(pc|[ms]cause)$/.test(register)) &&
      only(d, 'pc', 'priv', 'mstatus', 'mepc', 'mcause', 'mtval', 'sepc', 'scause', 'stval'),
  },
  {
    name: 'a misaligned SC without a reservation',
    reason:
      'unprivileged spec, "A", 14.2: a misaligned SC raises an exception; QEMU 7.2 lets one that fails anyway pass',
    applies: (d) =>
      /^sc\./.test(d.name ?? '') &&
      d.address !== undefined &&
      d.address % (d.name?.startsWith('sc.d') ? 8n : 4n) !== 0n &&
      d.differences.some(({ register, ours }) => register === 'pc' && ours !== (d.before[PC] ?? 0n) + 4n) &&
      every(
        d,
        ({ register, ours, theirs }) =>
          /^(pc|priv|mstatus|[ms](epc|cause|tval))$/.test(register) ||
          (register === `x${(d.insn >>> 7) & 31}` &&
            theirs === 1n &&
            ours === d.before[registerIndex(register)]),
      ),
  },
  {
    name: 'misaligned access fault: tval in the access',
    reason:
      'privileged spec 3.1.16: tval is an address of the access; QEMU reports the aligned half that PMP forbids',
    applies: (d) =>
      only(d, 'mtval', 'stval') &&
      // Where an interrupt came first, the instruction that is known is not the one that made the access.
      every(
        d,
        ({ ours, theirs }) =>
          (ours === d.address || interruptDue(d.before)) &&
          ours - theirs < 8n &&
          theirs < ours &&
          theirs % 2n === 0n,
      ),
  },
  {
    name: 'Svinval fences in U-mode are illegal',
    reason: 'privileged spec, Svinval: SFENCE.W.INVAL and SFENCE.INVAL.IR trap in U-mode; not on QEMU 7.2',
    applies: (d) => /^sfence\.(w\.inval|inval\.ir)$/.test(d.name ?? '') && d.before[PRIV] === 0n,
  },
  {
    name: 'page table outside RAM is an access fault',
    reason:
      'privileged spec 4.3.2 step 2: an entry that PMA forbids to read raises an access fault; on QEMU a page fault',
    applies: (d) =>
      ([d.address, d.before[PC], d.after[registerIndex('mtval')], d.after[registerIndex('stval')]].some(
        (address) => BigInt.asUintN(38, address ?? 0n) >> 30n === 8n,
      ) ||
        rootOutsideRam(d.before[registerIndex('satp')] ?? 0n)) &&
      ((ACCESS_FAULTS.includes(trapCause(d, ourOwn)) && PAGE_FAULTS.includes(trapCause(d, qemus))) ||
        // Both have trapped once more, for the handler cannot be fetched, and the trace shows the two together.
        d.differences.some(
          (x) =>
            /^[ms]cause$/.test(x.register) &&
            ACCESS_FAULTS.includes(x.ours) &&
            PAGE_FAULTS.includes(x.theirs),
        )),
  },
  {
    name: "a user's code in S-mode",
    reason:
      'privileged spec 4.3.1: S-mode may not execute pages with U, whatever SUM is; QEMU 7.2 does, where SUM has just let it load or store there',
    applies: (d) => {
      const leaf = d.leaf(d.before[PC] ?? 0n) ?? 0n;
      const isSupervisor = d.before[PRIV] === 1n && ((d.before[registerIndex('mstatus')] ?? 0n) & SUM) !== 0n;
      return isSupervisor && (leaf & USER_CODE) === USER_CODE && trapCause(d, ourOwn) === 12n;
    },
  },
  {
    name: 'ctzw of an upper half',
    reason: 'unprivileged spec, Zbb: CTZW counts in the lower 32 bits; QEMU 7.2 goes on into the upper ones',
    applies: (d) => d.name === 'ctzw' && every(d, ({ ours, theirs }) => ours === 32n && theirs > 32n),
  },
  {
    name: 'FS is dirty after any float instruction',
    reason:
      'privileged spec 3.1.6.6 allows Dirty at any time; QEMU 7.2 leaves FS where only flags can have changed',
    applies: (d) =>
      /^(f(eq|lt|le|class|cvt\.[wl]u?)\.|fmv\.x)/.test(d.name ?? '') &&
      only(d, 'mstatus') &&
      every(d, (x) => within(x, FS | SD) && (x.ours & FS) === FS),
  },
  {
    name: 'other devices',
    reason: "QEMU's virt has flash, PCIe and fw_cfg at addresses where this board has nothing",
    applies: (d) => (MEMORY.test(d.name ?? '') && isDevice(d.address)) || isDevice(d.before[PC]),
  },
  {
    name: 'PMP and an access over two pages',
    reason:
      'privileged spec 3.7.1: an access may be made in parts, each of which PMP checks; QEMU checks all of it in the first page',
    applies: (d) =>
      MEMORY.test(d.name ?? '') &&
      d.address !== undefined &&
      (d.address & 4095n) > 4088n &&
      isAccessFault(trapCause(d, qemus)) &&
      (d.differences.some(
        // The trap may have been at the same place as the one before.
        ({ register, theirs }) =>
          (/^[ms]epc$/.test(register) && theirs === d.before[PC]) ||
          (/^[ms]tval$/.test(register) && theirs === d.address),
      ) ||
        // Both fault: ours names the part of the access that may not be made, QEMU the access.
        every(
          d,
          ({ register, ours, theirs }) =>
            /^[ms]tval$/.test(register) &&
            isAccessFault(trapCause(d, ourOwn)) &&
            ours === ((d.address ?? 0n) | 4095n) + 1n &&
            theirs === d.address,
        )),
  },
  {
    name: 'order of interrupts',
    reason:
      'privileged spec 3.1.9: external before software before timer interrupts; QEMU 7.2 takes the lowest number',
    // Vectored, they lead to different places, and the first instruction there has been executed or has trapped too.
    applies: (d) =>
      interruptDue(d.before) &&
      d.differences.some(
        (x) =>
          (/^[ms]cause$/.test(x.register) &&
            x.ours >> 63n === 1n &&
            x.theirs >> 63n === 1n &&
            x.theirs < x.ours &&
            isEnabled(d.after, x.ours) &&
            isEnabled(d.after, x.theirs)) ||
          (/^[ms]epc$/.test(x.register) &&
            x.ours > x.theirs &&
            x.ours - x.theirs <= 4n * 10n &&
            (x.ours - x.theirs) % 4n === 0n &&
            CAUSES.filter((cause) => isEnabled(d.before, cause)).length > 1),
      ),
  },
  {
    name: 'a CSR is written with nothing to set or clear',
    reason: 'unprivileged spec, Zicsr: CSRRS and CSRRC write unless rs1 is x0; QEMU 7.2 looks at the value',
    applies: (d) =>
      /^csrr[sc]$/.test(d.name ?? '') &&
      d.before[(d.insn >>> 15) & 31] === 0n &&
      (d.insn >>> 30 === 3 || (only(d, 'mstatus') && every(d, (x) => within(x, FS | SD)))),
  },
  {
    name: 'mret without PMP rules',
    reason:
      'privileged spec 3.7: with all entries off, S and U may access nothing; QEMU 7.2 refuses the mret itself',
    applies: (d) =>
      d.name === 'mret' && d.differences.some((x) => x.register === 'mepc' && x.theirs === d.before[PC]),
  },
  {
    name: 'reserved values of CSR fields',
    reason:
      'privileged spec 2.3, WARL: QEMU 7.2 keeps bits that are reserved here; such values are written when control comes into the middle of a sequence',
    applies: (d) =>
      // Where an interrupt comes before it, the write is one of the handler's, which writes mstatus alone.
      ((d.name ?? '').startsWith('csrr') || (interruptDue(d.before) && only(d, 'mstatus'))) &&
      every(d, (x) => {
        const bits = LEGALIZED.find(([pattern]) => pattern.test(x.register))?.[1];
        // SD sums up VS too, where there is one.
        const sum = x.register === 'mstatus' && ((x.theirs >> 9n) & 3n) === 3n ? SD : 0n;
        return bits !== undefined && within(x, bits | sum);
      }),
  },
  {
    name: 'menvcfg.ADUE is read',
    reason: 'privileged spec, Svadu: QEMU 7.2 does not have the bit',
    applies: (d) =>
      (d.name ?? '').startsWith('csrr') &&
      every(d, (x) => x.register.startsWith('x') && within(x, ADUE) && (x.ours & ADUE) !== 0n),
  },
];
