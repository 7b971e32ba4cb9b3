/**
 * A machine's state as named and versioned sections, and back: everything but what is kept page by page. The section
 * "machine" holds what belongs to no device; each hart and each device has its own.
 */
import { instret } from '../../base/brand';
import { userError } from '../../base/errors';
import type { Section } from '../../machine/device';
import type { MachineState } from '../../machine/machine';
import { storeNewer } from './errors';
import { Fields } from './manifest';

export type StateWithoutPages = Omit<MachineState, 'pages' | 'disks'>;

const VERSION = 1;
const MACHINE = 'machine';
const hartName = (hart: number): string => `hart${hart}`;

export function stateToSections(state: StateWithoutPages): Section[] {
  const { finished } = state;
  return [
    {
      name: MACHINE,
      version: VERSION,
      data: {
        instret: state.instret,
        timeSkew: state.timeSkew,
        current: state.current,
        quantumLeft: state.quantumLeft,
        harts: state.harts.length,
        finished: finished ? { reason: finished.reason, exitCode: finished.exitCode } : null,
        devices: state.sections.map(({ name }) => name),
      },
    },
    ...state.harts.map((data, hart) => ({ name: hartName(hart), version: VERSION, data })),
    ...state.sections,
  ];
}

/** Throws 'STORE_NEWER', and 'STORE_DAMAGED' when a section is missing or makes no sense. */
export function stateFromSections(sections: readonly Section[]): StateWithoutPages {
  const find = (name: string): Section => {
    const section = sections.find((candidate) => candidate.name === name);
    if (!section) throw lost(name);
    return section;
  };
  const own = (name: string): Section => {
    const section = find(name);
    if (section.version > VERSION) throw storeNewer(`Section "${name}" of the checkpoint`, section.version);
    return section;
  };
  const machine = Fields.of(own(MACHINE).data);
  return {
    instret: instret(machine.number('instret')),
    timeSkew: machine.number('timeSkew'),
    current: machine.number('current'),
    quantumLeft: machine.number('quantumLeft'),
    harts: Array.from({ length: machine.number('harts') }, (_, hart) => {
      const block = own(hartName(hart)).data;
      if (!(block instanceof Uint8Array)) throw lost(hartName(hart));
      return block;
    }),
    sections: machine.list('devices').map((name) => find(typeof name === 'string' ? name : '')),
    finished: finishedOf(machine),
  };
}

function finishedOf(machine: Fields): StateWithoutPages['finished'] {
  if (machine.any('finished') === null) return undefined;
  const fields = Fields.of(machine.any('finished'));
  const [reason, exitCode] = [fields.text('reason'), fields.number('exitCode')];
  if (reason === 'poweroff') return { kind: 'finished', reason, exitCode: 0 };
  if (reason === 'fail' || reason === 'htif') return { kind: 'finished', reason, exitCode };
  throw lost('finished');
}

const lost = (name: string): Error =>
  userError('STORE_DAMAGED', `The checkpoint's state lacks "${name}": delete this checkpoint.`);
