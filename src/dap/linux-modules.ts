/**
 * Where Linux has loaded its modules, by its list of them (`modules`) and what it tells of their sections in sysfs
 * (`sect_attrs`). It needs the kernel's debug information, and understands all layouts of these structures since Linux 5.
 * Bounded: a list that is damaged, or is being changed, ends the walk.
 */
import { UserError } from '../base/errors';
import type { HartView } from '../timetravel/api';
import type { SessionContext } from './context';
import { compile, type Scope } from './expressions';
import { kernelView } from './process-match';
import type { LoadPlace, UnplacedProgram } from './spaces';

/** Linux calls it when a module is in its place and all about it is known, before its first instruction. */
const BEFORE_START = 'do_init_module';
const MODULES_MAX = 1024;
const SECTIONS_MAX = 256;
const NAME_MAX = 64;

const inModule = (rest: string): string => `((struct module *)$at)->${rest}`;
/** Of section `$i`, by version: also 6.14 and later; 5.8 and later; before. Addresses: until 6.13; later. */
const SECTION_NAMES = ['grp.bin_attrs[$i]->attr.name', 'attrs[$i].battr.attr.name', 'attrs[$i].name'];
const SECTION_ADDRESSES = ['$attrs->attrs[$i].address', '(unsigned long)$attrs->grp.bin_attrs[$i]->private'];
/** 6.4 and later; before. Without sysfs, nothing but the code's beginning is known. */
const TEXT_BASES = ['(unsigned long)$module->mem[0].base', '(unsigned long)$module->core_layout.base'];

interface Found {
  readonly file: UnplacedProgram;
  readonly place: LoadPlace;
}

export class LinuxModules {
  constructor(private readonly context: SessionContext) {}

  get breakpoints(): readonly bigint[] {
    const at = this.context.spaces.kernel.symbolNamed(BEFORE_START);
    return at === undefined ? [] : [at.address];
  }

  /** Those of the files that are loaded now. */
  find(files: readonly UnplacedProgram[], hart: number): Found[] {
    const { debuggee, spaces } = this.context;
    const view = kernelView(debuggee, hart);
    const scope: Scope = { view, symbols: spaces.kernel, isTop: true };
    return this.modules(scope).flatMap((module) => {
      const name = textAt(view, this.value(`(unsigned long)&${inModule('name')}`, scope, module));
      const file = files.find(({ path }) => moduleName(path) === name);
      const place = file && this.placeOf(module, scope, file);
      return file && place ? [{ file, place }] : [];
    });
  }

  /** Addresses of `struct module`. */
  private modules(scope: Scope): bigint[] {
    const head = this.value('(unsigned long)&modules', scope);
    const offset = this.value('(unsigned long)&((struct module *)0)->list', scope);
    const found: bigint[] = [];
    if (head === undefined || offset === undefined) return found;
    let at = this.value('(unsigned long)modules.next', scope);
    while (at !== undefined && at !== 0n && at !== head && found.length < MODULES_MAX) {
      found.push(BigInt.asUintN(64, at - offset));
      at = this.value('(unsigned long)((struct list_head *)$at)->next', scope, at);
    }
    return found;
  }

  private placeOf(module: bigint, scope: Scope, { elf }: UnplacedProgram): LoadPlace | undefined {
    const sections = this.sectionsOf(module, scope);
    if (sections['.text'] === undefined) {
      const base = this.first(
        TEXT_BASES,
        (text) => text.replace('$module', '((struct module *)$at)'),
        scope,
        module,
      );
      if (base === undefined || base === 0n) return undefined;
      sections['.text'] = base;
    }
    const known = Object.entries(sections).filter(([name]) => elf.sectionNamed(name) !== undefined);
    return { loadBias: 0n, sectionAddresses: Object.fromEntries(known) };
  }

  private sectionsOf(module: bigint, scope: Scope): Record<string, bigint> {
    const sections: Record<string, bigint> = {};
    const attributes = `(${inModule('sect_attrs')})`;
    const count = this.value(`${attributes}->nsections`, scope, module) ?? BigInt(SECTIONS_MAX);
    for (let index = 0; index < Math.min(Number(count), SECTIONS_MAX); index++) {
      const at = (text: string): string =>
        text.replaceAll('$attrs', attributes).replaceAll('$i', String(index));
      const name = textAt(
        scope.view,
        this.first(SECTION_NAMES, (text) => at(`(unsigned long)$attrs->${text}`), scope, module),
      );
      const address = this.first(SECTION_ADDRESSES, at, scope, module);
      if (name === undefined || address === undefined) break;
      // Freed: it held what only the start of the module needed.
      if (address !== 0n) sections[name] = address;
    }
    return sections;
  }

  private first(
    texts: readonly string[],
    full: (text: string) => string,
    scope: Scope,
    at: bigint,
  ): bigint | undefined {
    for (const text of texts) {
      const value = this.value(full(text), scope, at);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** `$at` stands for a number. */
  private value(text: string, scope: Scope, at = 0n): bigint | undefined {
    const full = text.replaceAll('$at', String(at));
    try {
      return compile(full)(scope);
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }
}

/** As Linux makes it of a file's name. */
const moduleName = (path: string): string =>
  (path.split(/[\\/]/u).at(-1) ?? path).replace(/\.ko(?:\.debug)?$/u, '').replaceAll('-', '_');

function textAt(view: HartView, address: bigint | undefined): string | undefined {
  const bytes = address === undefined || address === 0n ? undefined : view.readMemory(address, NAME_MAX);
  const end = bytes?.indexOf(0) ?? -1;
  return bytes === undefined || end <= 0 ? undefined : String.fromCharCode(...bytes.subarray(0, end));
}
