/**
 * Which program's symbols hold for what a hart executes. The kernel's (those of the program, the firmware, and of all
 * symbolFiles of the kernel) hold in S- and M-mode; in U-mode those of the user programs that are in memory at that moment:
 * told by contents, as several programs have the same addresses, and by the expression `process` where one is given. It is
 * decided anew at every stop and every hit: only looks, so nothing in the guest changes (I6), and so it is right in the past,
 * too. What is in memory is what is mapped by the page table of the hart; nothing is searched for.
 */
import type { Symbols } from '../symbols/symbols';
import { SymbolTable } from '../symbols/symbol-table';
import type { HartView } from '../timetravel/api';
import type { ElfFile } from '../symbols/elf/elf-file';
import type { SectionAddresses } from '../symbols/elf/relocate';
import type { CodeImage } from './code-image';

/** A file with symbols. */
export interface GuestProgram {
  /** DAP's module id, from 1. */
  readonly id: number;
  readonly path: string;
  readonly space: 'kernel' | 'user';
  readonly symbols: Symbols;
  /** Absent: it cannot be told by its contents. */
  readonly image?: CodeImage;
  /** Source of the expression that must hold, too. */
  readonly process?: string;
}

/** Where a file was loaded: `loadBias` of one that is linked, sections of a kernel module. */
export interface LoadPlace {
  readonly loadBias: bigint;
  readonly sectionAddresses?: SectionAddresses;
}

/** A file whose place is known only when the guest has loaded it; its symbols are as in the file. It may be in several places. */
export interface UnplacedProgram extends Pick<GuestProgram, 'id' | 'path' | 'space' | 'symbols'> {
  readonly elf: ElfFile;
  /** Its code as if it were loaded where it is linked. */
  readonly image: CodeImage;
  at(place: LoadPlace): GuestProgram;
}

/** As much of a hart as decides. */
export type Place = Pick<HartView, 'id' | 'pc' | 'privilege' | 'readMemory'>;

/** Of a frame: its code is elsewhere than the hart. */
export const placeIn = (view: HartView, pc: bigint, privilege: HartView['privilege']): Place => ({
  ...{ id: view.id, pc, privilege },
  readMemory: (address, length) => view.readMemory(address, length),
});

export class Spaces {
  private kernelTable: Symbols;
  private userPrograms: readonly GuestProgram[];
  private readonly tables = new Map<string, Symbols>();
  private nothing: Symbols;
  private placed: readonly GuestProgram[];

  /**
   * `isProcess` evaluates a program's expression for a hart. Programs of the kernel are asked in their order.
   */
  constructor(
    programs: readonly GuestProgram[],
    private readonly isProcess: (program: GuestProgram, hart: number) => boolean,
    readonly unplaced: readonly UnplacedProgram[] = [],
  ) {
    ({
      placed: this.placed,
      kernel: this.kernelTable,
      users: this.userPrograms,
      nothing: this.nothing,
    } = arranged(programs));
  }

  /** Symbols of the kernel's side. */
  get kernel(): Symbols {
    return this.kernelTable;
  }

  get users(): readonly GuestProgram[] {
    return this.userPrograms;
  }

  /** Those whose place is known; a file that was found in several places is in the list for each. */
  get programs(): readonly GuestProgram[] {
    return this.placed;
  }

  /** All files, each once: for what does not depend on places. */
  get files(): readonly GuestProgram[] {
    const seen = new Set<number>();
    return [...this.placed, ...this.unplaced].filter(({ id }) => !seen.has(id) && seen.add(id).size > 0);
  }

  /** A file was found in the guest. Symbols of the kernel that somebody holds do not learn of it. */
  place(program: GuestProgram): void {
    ({
      placed: this.placed,
      kernel: this.kernelTable,
      users: this.userPrograms,
      nothing: this.nothing,
    } = arranged([...this.placed, program]));
    this.tables.clear();
  }

  /** Symbols for the code at the hart's pc. Kernel names are known in user programs, too. */
  at(place: Place): Symbols {
    if (place.privilege !== 0 || this.users.length === 0) return this.kernel;
    const here = this.usersAt(place);
    if (here.length > 0) return this.tableFor(here);
    // A kernel may run code of its own file in U-mode.
    return this.isKernelCode(place) ? this.kernel : this.nothing;
  }

  /** Symbols for an address that somebody asks about, whichever mode the hart is in. */
  about(view: HartView, address: bigint): Symbols {
    const isKernel = view.privilege !== 0 && this.kernel.functionAt(address) !== undefined;
    return isKernel ? this.kernel : this.at(placeIn(view, address, 0));
  }

  /** True where a breakpoint of the program at the hart's pc is meant. */
  isRunning(program: GuestProgram, place: Place): boolean {
    if (program.space === 'user') return place.privilege === 0 && this.isUserAt(program, place);
    return place.privilege !== 0 || this.users.length === 0 || program.image?.isIn(place, place.pc) !== false;
  }

  /** The program whose code is at the pc. */
  programAt(place: Place): GuestProgram | undefined {
    const owns = ({ symbols, image }: GuestProgram): boolean =>
      image?.holds(place.pc) ?? symbols.functionAt(place.pc) !== undefined;
    const running = this.programs.filter((one) => this.isRunning(one, place));
    return running.find(owns) ?? running.find(({ symbols }) => symbols.functionAt(place.pc) !== undefined);
  }

  /** The files of the process: the one at the pc, and those that are mapped beside it. */
  private usersAt(place: Place): readonly GuestProgram[] {
    const atPc = this.users.filter((one) => this.isUserAt(one, place));
    if (atPc.length === 0) return [];
    const beside = this.users.filter(
      (one) => !atPc.includes(one) && one.image?.holds(place.pc) === false && this.isMapped(one, place),
    );
    return [...atPc, ...beside];
  }

  private isUserAt(program: GuestProgram, place: Place): boolean {
    return program.image?.isIn(place, place.pc) === true && this.isItsProcess(program, place);
  }

  private isMapped(program: GuestProgram, place: Place): boolean {
    return program.image?.isMapped(place) === true && this.isItsProcess(program, place);
  }

  private isItsProcess(program: GuestProgram, place: Place): boolean {
    return program.process === undefined || this.isProcess(program, place.id);
  }

  private isKernelCode(place: Place): boolean {
    return this.programs.some(
      ({ space, image }) => space === 'kernel' && image?.isIn(place, place.pc) === true,
    );
  }

  private tableFor(users: readonly GuestProgram[]): Symbols {
    const key = users.map((one) => this.placed.indexOf(one)).join();
    const table =
      this.tables.get(key) ?? new SymbolTable([...users.map(({ symbols }) => symbols), this.kernel]);
    this.tables.set(key, table);
    return table;
  }
}

interface Arranged {
  readonly placed: readonly GuestProgram[];
  readonly kernel: Symbols;
  readonly users: readonly GuestProgram[];
  readonly nothing: Symbols;
}

function arranged(placed: readonly GuestProgram[]): Arranged {
  const kernels = placed.filter(({ space }) => space === 'kernel');
  return {
    placed,
    kernel: kernels.length === 1 && kernels[0] ? kernels[0].symbols : tableOf(kernels),
    users: placed.filter(({ space }) => space === 'user'),
    nothing: tableOf(kernels.filter(({ image }) => image === undefined)),
  };
}

const tableOf = (programs: readonly GuestProgram[]): SymbolTable =>
  new SymbolTable(programs.map(({ symbols }) => symbols));
