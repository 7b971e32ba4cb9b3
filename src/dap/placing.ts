/**
 * Finds out where the guest has loaded the files whose place it decides itself: position-independent programs and libraries,
 * and modules of a Linux kernel. It looks where such a place becomes known, while time goes forwards: when a program's first
 * instruction is fetched, when a program calls its kernel, when Linux is about to start a module, and wherever the guest stops.
 * What is found stays known; whether it holds at an instant is asked anew each time (spaces.ts), so a place that is wrong, or
 * was right at another instant only, does no harm.
 */
import type { Hit, HartView } from '../timetravel/api';
import type { SessionContext } from './context';
import { LinuxModules } from './linux-modules';
import type { GuestProgram, LoadPlace, UnplacedProgram } from './spaces';

/** Privileged specification, table 15: a call from U-mode; the first fetch of a page. */
const CAUSES: readonly number[] = [8, 12];
const FETCH = 12;
/** The same file in more places: each process has its own, where the kernel chooses at random. */
const PLACES_MAX = 256;
const PAGE = 4096n;

export class Placer {
  private readonly known = new Map<number, LoadPlace[]>();
  private readonly modules: LinuxModules;

  constructor(
    private readonly context: SessionContext,
    /** The kernel's symbols, or those of a program, have become more. */
    private readonly onPlaced: (program: GuestProgram) => void,
  ) {
    this.modules = new LinuxModules(context);
  }

  /** Traps at which it wants to look. */
  get exceptions(): readonly number[] {
    return this.users.length > 0 ? CAUSES : [];
  }

  /** Instructions at which it wants to look. */
  get breakpoints(): readonly bigint[] {
    return this.kernels.length > 0 ? this.modules.breakpoints : [];
  }

  /** Looks at a hit, before anybody is asked whether it is one to stop at. */
  note(hit: Hit): void {
    if (hit.kind === 'trap' && !hit.interrupt && CAUSES.includes(hit.cause))
      this.lookAtProgram(this.context.view(hit.hart), hit.cause === FETCH);
    if (hit.kind === 'breakpoint' && this.breakpoints.includes(hit.pc)) this.lookForModules(hit.hart);
  }

  /** Looks around where the guest stands. */
  look(): void {
    const { debuggee, focusHart } = this.context;
    for (let hart = 0; hart < debuggee.hartCount && this.users.length > 0; hart++)
      this.lookAtProgram(debuggee.hart(hart), false);
    this.lookForModules(focusHart);
  }

  private get users(): readonly UnplacedProgram[] {
    return this.context.spaces.unplaced.filter(({ space }) => space === 'user');
  }

  private get kernels(): readonly UnplacedProgram[] {
    return this.context.spaces.unplaced.filter(({ space }) => space === 'kernel');
  }

  private lookAtProgram(view: HartView, isFetch: boolean): void {
    if (view.privilege !== 0) return;
    const auxiliary = isFetch ? auxiliaryOf(view) : undefined;
    for (const program of this.users) {
      const bias = auxiliary && biasBy(auxiliary, program);
      if (bias !== undefined) this.place(program, { loadBias: bias });
    }
    if (this.context.spaces.users.some(({ image }) => image?.isIn(view, view.pc) === true)) return;
    for (const program of this.users) {
      const bias = program.image.biasAt(view, view.pc);
      if (bias !== undefined) this.place(program, { loadBias: bias });
    }
  }

  private lookForModules(hart: number): void {
    if (this.kernels.length === 0) return;
    for (const { file, place } of this.modules.find(this.kernels, hart)) this.place(file, place);
  }

  private place(file: UnplacedProgram, place: LoadPlace): void {
    const known = this.known.get(file.id) ?? [];
    this.known.set(file.id, known);
    // Linux frees what only a module's start needs: the place is the one that was known with it.
    if (known.some((one) => isWithin(place, one)) || known.length >= PLACES_MAX) return;
    known.push(place);
    const program = file.at(place);
    this.context.spaces.place(program);
    this.onPlaced(program);
  }
}

const isWithin = (place: LoadPlace, known: LoadPlace): boolean =>
  place.loadBias === known.loadBias &&
  Object.entries(place.sectionAddresses ?? {}).every(
    ([name, address]) => known.sectionAddresses?.[name] === address,
  );

/** What a kernel tells a program, behind its arguments and its environment (System V ABI, "Process Initialization"). */
interface Auxiliary {
  readonly headers: bigint;
  readonly headerCount: bigint;
  readonly entry: bigint;
}

const AT = { null: 0n, phdr: 3n, phnum: 5n, entry: 9n } as const;
const STACK_BYTES = 1 << 17;
const ARGUMENTS_MAX = 1n << 16n;

/** By the stack of a program that has not begun yet. */
function auxiliaryOf(view: HartView): Auxiliary | undefined {
  const bytes = view.readMemory(view.x(2), STACK_BYTES);
  if (bytes === undefined) return undefined;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = Math.floor(bytes.byteLength / 8);
  const word = (index: number): bigint => data.getBigUint64(index * 8, true);
  if (words < 4 || word(0) > ARGUMENTS_MAX) return undefined;
  let at = 1 + Number(word(0));
  if (at >= words || word(at) !== 0n) return undefined;
  at++;
  while (at < words && word(at) !== 0n) at++;
  const values = new Map<bigint, bigint>();
  for (at++; at + 1 < words && word(at) !== AT.null; at += 2) values.set(word(at), word(at + 1));
  const headers = values.get(AT.phdr);
  const headerCount = values.get(AT.phnum);
  const entry = values.get(AT.entry);
  if (headers === undefined || headerCount === undefined || entry === undefined) return undefined;
  return { headers, headerCount, entry };
}

/** Undefined for another program, as far as this can be told before any of it is in memory. */
function biasBy({ headers, headerCount, entry }: Auxiliary, { elf }: UnplacedProgram): bigint | undefined {
  const bias = BigInt.asUintN(64, entry - elf.header.entry);
  const isIt = (bias & (PAGE - 1n)) === 0n && headerCount === BigInt(elf.segments.length);
  return isIt && headers >= bias && headers - bias < PAGE ? bias : undefined;
}
