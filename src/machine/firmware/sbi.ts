/**
 * The built-in firmware: SBI 2.0 (RISC-V Supervisor Binary Interface Specification), outside the guest. An ecall from
 * S-mode ends the engine's run; the call is answered here, at that instant, and execution goes on behind it. Its state
 * is in the harts' blocks (timer in stimecmp, software interrupts in mip.SSIP, HSM in `waiting`).
 */
import { H, RAM_BASE } from '../layout';
import { Waiting, type Harts } from '../harts';
import type { GuestMemory } from '../memory';

/** What the firmware needs of the machine. */
export interface SbiPlatform {
  readonly harts: Harts;
  readonly memory: GuestMemory;
  /** The hart's timer compare or interrupt state changed. */
  timerChanged(): void;
  flushTlb(hart: number): void;
  consolePut(byte: number): void;
  /** The next byte typed at the console, or undefined. */
  consoleGet(): number | undefined;
  finish(reason: 'poweroff' | 'fail' | 'reset'): void;
}

const SUCCESS = 0n;
const ERR_NOT_SUPPORTED = -2n;
const ERR_INVALID_PARAM = -3n;
const ERR_INVALID_ADDRESS = -5n;
const ERR_ALREADY_AVAILABLE = -6n;

interface Result {
  readonly error: bigint;
  readonly value?: bigint;
}
const ok = (value = 0n): Result => ({ error: SUCCESS, value });
const error = (code: bigint): Result => ({ error: code });

const EXTENSION = {
  base: 0x10,
  time: 0x54494d45,
  ipi: 0x735049,
  rfence: 0x52464e43,
  hsm: 0x48534d,
  reset: 0x53525354,
  console: 0x4442434e,
} as const;

/** Version 2.0: major in bits 30:24. */
const SPEC_VERSION = 0x0200_0000n;
/** No number is registered for this implementation; this is "CHRN". */
const IMPLEMENTATION = 0x4348_524en;
const SSIP = 2n;
const a = (index: number): number => H.x + 8 * (10 + index);

export class Sbi {
  constructor(private readonly p: SbiPlatform) {}

  /** Answers the call that `hart` makes at its pc. */
  call(hart: number): void {
    const { harts } = this.p;
    const args = [0, 1, 2, 3, 4].map((index) => harts.get64(hart, a(index)));
    const extension = Number(BigInt.asUintN(32, harts.get64(hart, a(7))));
    const functionId = Number(BigInt.asUintN(32, harts.get64(hart, a(6))));
    harts.set64(hart, H.pc, harts.get64(hart, H.pc) + 4n);
    if (extension < 0x10) {
      this.legacy(hart, extension, args);
      return;
    }
    const result = this.dispatch(hart, extension, functionId, args);
    if (!result) return;
    harts.set64(hart, a(0), result.error);
    harts.set64(hart, a(1), result.value ?? 0n);
  }

  private dispatch(hart: number, extension: number, fid: number, args: bigint[]): Result | undefined {
    switch (extension) {
      case EXTENSION.base:
        return this.baseCall(fid, args);
      case EXTENSION.time:
        return fid === 0 ? this.setTimer(hart, args[0] ?? 0n) : error(ERR_NOT_SUPPORTED);
      case EXTENSION.ipi:
        return fid === 0
          ? this.forMask(args[0] ?? 0n, args[1] ?? 0n, (target) => {
              this.raiseSoftware(target);
            })
          : error(ERR_NOT_SUPPORTED);
      case EXTENSION.rfence:
        // Function 0 is fence.i, which decoded code needs not; 1 and 2 are sfence.vma; the rest is for hypervisors.
        if (fid > 2) return error(ERR_NOT_SUPPORTED);
        return this.forMask(args[0] ?? 0n, args[1] ?? 0n, (target) => {
          if (fid > 0) this.p.flushTlb(target);
        });
      case EXTENSION.hsm:
        return this.hsm(hart, fid, args);
      case EXTENSION.reset:
        return this.systemReset(fid, args);
      case EXTENSION.console:
        return this.debugConsole(fid, args);
      default:
        return error(ERR_NOT_SUPPORTED);
    }
  }

  private baseCall(fid: number, args: bigint[]): Result {
    switch (fid) {
      case 0:
        return ok(SPEC_VERSION);
      case 1:
        return ok(IMPLEMENTATION);
      case 2:
        return ok(1n);
      case 3: {
        const probed = Number(BigInt.asUintN(32, args[0] ?? 0n));
        const legacy = probed <= 8;
        return ok(legacy || (Object.values(EXTENSION) as number[]).includes(probed) ? 1n : 0n);
      }
      case 4:
      case 5:
      case 6:
        return ok(0n);
      default:
        return error(ERR_NOT_SUPPORTED);
    }
  }

  private setTimer(hart: number, compare: bigint): Result {
    this.p.harts.set64(hart, H.stimecmp, compare);
    this.p.timerChanged();
    return ok();
  }

  private raiseSoftware(hart: number): void {
    this.p.harts.set64(hart, H.mip, this.p.harts.get64(hart, H.mip) | SSIP);
  }

  /** hart_mask and hart_mask_base (SBI 3.1); base -1 means all. */
  private forMask(mask: bigint, base: bigint, action: (hart: number) => void): Result {
    const { count } = this.p.harts;
    const targets: number[] = [];
    if (BigInt.asIntN(64, base) === -1n) {
      for (let hart = 0; hart < count; hart++) targets.push(hart);
    } else {
      for (let bit = 0; bit < 64; bit++) {
        if (((mask >> BigInt(bit)) & 1n) === 0n) continue;
        const target = base + BigInt(bit);
        if (target >= BigInt(count)) return error(ERR_INVALID_PARAM);
        targets.push(Number(target));
      }
    }
    targets.forEach(action);
    return ok();
  }

  private hsm(hart: number, fid: number, args: bigint[]): Result | undefined {
    const { harts } = this.p;
    const target = Number(args[0] ?? 0n);
    const exists = (args[0] ?? 0n) < BigInt(harts.count);
    const stopped = (index: number): boolean => harts.waiting(index) === Waiting.stopped;
    switch (fid) {
      case 0: // hart_start(hartid, start_addr, opaque)
        if (!exists) return error(ERR_INVALID_PARAM);
        if (!stopped(target)) return error(ERR_ALREADY_AVAILABLE);
        if (!this.executable(args[1] ?? 0n)) return error(ERR_INVALID_ADDRESS);
        this.start(target, args[1] ?? 0n, args[2] ?? 0n);
        return ok();
      case 1: // hart_stop
        harts.setWaiting(hart, Waiting.stopped);
        return undefined;
      case 2: // hart_get_status
        return exists ? ok(this.status(target)) : error(ERR_INVALID_PARAM);
      case 3: {
        // hart_suspend(type, resume_addr, opaque): the default types only
        const type = Number(BigInt.asUintN(32, args[0] ?? 0n));
        if (type !== 0 && type !== 0x8000_0000) return error(ERR_INVALID_PARAM);
        if (type !== 0) {
          if (!this.executable(args[1] ?? 0n)) return error(ERR_INVALID_ADDRESS);
          this.resetHart(hart, args[1] ?? 0n, args[2] ?? 0n);
        }
        harts.setWaiting(hart, Waiting.suspended);
        return type === 0 ? ok() : undefined;
      }
      default:
        return error(ERR_NOT_SUPPORTED);
    }
  }

  /** 0 started, 1 stopped, 4 suspended (SBI table 9.1). A hart in plain WFI is started. */
  private status(hart: number): bigint {
    const waiting = this.p.harts.waiting(hart);
    return waiting === Waiting.stopped ? 1n : waiting === Waiting.suspended ? 4n : 0n;
  }

  /** Where a hart may begin: an instruction in RAM. */
  private executable(address: bigint): boolean {
    return (address & 1n) === 0n && this.p.memory.contains(Number(address), 2);
  }

  /** The state in which hart_start and a non-retentive resume enter (SBI 9.1): satp 0, SIE 0, a0 hartid, a1 opaque. */
  private resetHart(hart: number, address: bigint, opaque: bigint): void {
    const { harts } = this.p;
    harts.set64(hart, H.pc, address);
    harts.set64(hart, H.satp, 0n);
    harts.set64(hart, H.mstatus, harts.get64(hart, H.mstatus) & ~2n);
    harts.set32(hart, H.priv, 1);
    harts.set64(hart, a(0), BigInt(hart));
    harts.set64(hart, a(1), opaque);
    this.p.flushTlb(hart);
  }

  private start(hart: number, address: bigint, opaque: bigint): void {
    this.resetHart(hart, address, opaque);
    this.p.harts.setWaiting(hart, Waiting.no);
  }

  private systemReset(fid: number, args: bigint[]): Result | undefined {
    if (fid !== 0) return error(ERR_NOT_SUPPORTED);
    const type = Number(BigInt.asUintN(32, args[0] ?? 0n));
    if (type > 2) return error(ERR_INVALID_PARAM);
    const failed = args[1] === 1n;
    this.p.finish(type === 0 ? (failed ? 'fail' : 'poweroff') : 'reset');
    return undefined;
  }

  private debugConsole(fid: number, args: bigint[]): Result {
    if (fid === 2) {
      this.p.consolePut(Number((args[0] ?? 0n) & 0xffn));
      return ok();
    }
    if (fid > 2) return error(ERR_NOT_SUPPORTED);
    const address = Number(args[1] ?? 0n);
    // One call moves a bounded amount: both calls may do less than they were asked for.
    const length = Math.min(Number(args[0] ?? 0n), 0x10000);
    if ((args[2] ?? 0n) !== 0n || address < RAM_BASE || !this.p.memory.contains(address, length)) {
      return error(ERR_INVALID_PARAM);
    }
    if (fid === 0) {
      for (const byte of this.p.memory.read(address, length)) this.p.consolePut(byte);
      return ok(BigInt(length));
    }
    const bytes: number[] = [];
    while (bytes.length < length) {
      const byte = this.p.consoleGet();
      if (byte === undefined) break;
      bytes.push(byte);
    }
    this.p.memory.write(address, Uint8Array.from(bytes));
    return ok(BigInt(bytes.length));
  }

  /** Legacy calls (SBI chapter 5): only a0 changes. Masks are passed by virtual address there; null means all. */
  private legacy(hart: number, extension: number, args: bigint[]): void {
    const { harts } = this.p;
    const reply = (value: bigint): void => {
      harts.set64(hart, a(0), value);
    };
    const all = (action: (target: number) => void): void => {
      // The mask's pointer would need the guest's translation; reaching more harts than asked is allowed.
      for (let target = 0; target < harts.count; target++) action(target);
      reply(0n);
    };
    switch (extension) {
      case 0:
        this.setTimer(hart, args[0] ?? 0n);
        return reply(0n);
      case 1:
        this.p.consolePut(Number((args[0] ?? 0n) & 0xffn));
        return reply(0n);
      case 2:
        return reply(BigInt(this.p.consoleGet() ?? -1));
      case 3:
        harts.set64(hart, H.mip, harts.get64(hart, H.mip) & ~SSIP);
        return reply(0n);
      case 4:
        return all((target) => {
          this.raiseSoftware(target);
        });
      case 5:
        return reply(0n);
      case 6:
      case 7:
        return all((target) => {
          this.p.flushTlb(target);
        });
      case 8:
        this.p.finish('poweroff');
        return;
      default:
        reply(ERR_NOT_SUPPORTED);
    }
  }
}
