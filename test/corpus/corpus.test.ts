/**
 * Every line and every local variable at it against GDB: the corpus, by all its builds, in QEMU under gdb-multiarch and in
 * our machine. At each stop the frames (inlined ones too), their lines and the values of all variables of all frames must
 * be the same; where they are not, accepted.ts says why. CHRONOVISOR_CORPUS=all takes the full product of flags.
 */
import { requireTool } from '../support/tools';
import { accepted } from './accepted';
import { built, chosenBuilds, CLANG, GCC, LLD, sourcePaths, twinOf, UNOPTIMISED } from './builds';
import { GDB, QEMU } from './judge';
import { OBJCOPY } from './split';
import { describeCorpus } from './suite';

describeCorpus('corpus', {
  builds: chosenBuilds(),
  unoptimised: UNOPTIMISED,
  sources: sourcePaths,
  accepted,
  stopsMin: 200,
  require: (context) => {
    requireTool(context, GCC, CLANG, LLD, OBJCOPY, GDB, QEMU);
  },
  built,
  twinOf,
});
