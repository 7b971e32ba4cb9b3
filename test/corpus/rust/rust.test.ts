/**
 * Every line and every local variable at it against GDB, of a kernel-like program in Rust: as the corpus of C and C++, with
 * a compiler that brings the sources of its library. CHRONOVISOR_CORPUS=all takes the full product of flags, and
 * CHRONOVISOR_RUSTC another compiler than that of the path.
 */
import { requireTool } from '../../support/tools';
import { defined } from '../../../src/base/errors';
import { GCC } from '../builds';
import { GDB, QEMU } from '../judge';
import { describeCorpus } from '../suite';
import { acceptedOfRust } from './accepted';
import { built, chosenBuilds, LD, rustSources, UNOPTIMISED } from './rust-builds';
import { requireRust, rustTools } from './rust-library';

describeCorpus('corpus in Rust', {
  builds: chosenBuilds(),
  unoptimised: UNOPTIMISED,
  sources: rustSources,
  accepted: acceptedOfRust,
  stopsMin: 200,
  require: (context) => {
    requireTool(context, GCC, LD, GDB, QEMU);
    requireRust(context);
  },
  built: (build) => built(build, defined(rustTools())),
});
