/** Hashes of guest RAM, for stateHash: by content, so that a written zero page equals one that was never touched. */
import { i32, i64, I32T, I64T, type FunctionRef, type I64, type ModuleBuilder } from '../../wasm';
import { G, ZERO_FRAME, ZERO_LEAF } from '../layout';
import { cell32 } from './cells';

const PRIME_A = 0x9e37_79b1_85eb_ca87n;
const PRIME_B = 0xc2b2_ae3d_27d4_eb4fn;

export interface HashFunctions {
  /** (frame) -> 64-bit hash of its 4096 bytes; 0 for a frame of zeros. */
  hashFrame: FunctionRef;
  /** () -> 64-bit hash of all RAM. */
  hashRam: FunctionRef;
}

/** `pageIn` as for emitMemory. */
export function emitHash(m: ModuleBuilder, pageIn: FunctionRef): HashFunctions {
  const hashFrame = m.function('hashFrame', [I32T], I64T, (f) => {
    const address = f.let(f.param(0, I32T).shl(12));
    const end = f.let(address.add(4096));
    // Four independent lanes: the multiplications overlap.
    const lanes = [0, 8, 16, 24].map(() => f.let(i64(0n)));
    const any = f.let(i64(0n));
    f.while(
      () => address.ltU(end),
      () => {
        lanes.forEach((lane, index) => {
          const word = f.let(address.load64(8 * index));
          f.set(any, any.or(word));
          f.set(lane, lane.add(word.mul(PRIME_B)).rotl(31n).mul(PRIME_A));
        });
        f.set(address, address.add(32));
      },
    );
    f.if(any.eqz(), () => {
      f.return(0n);
    });
    const hash = f.let(i64(4096n));
    for (const lane of lanes) f.set(hash, mix(hash.xor(lane)));
    f.return(hash);
  });

  const hashRam = m.function('hashRam', [], I64T, (f) => {
    const hash = f.let(i64(0n));
    const page = f.let(i32(0));
    const pages = f.let(cell32(G.ramPages));
    f.while(
      () => page.ltU(pages),
      () => {
        const leaf = f.let(page.shrU(10).shl(2).load32(G.directory));
        f.if(
          leaf.eq(ZERO_LEAF),
          () => {
            f.set(page, page.add(1024));
          },
          () => {
            const frame = f.let(leaf.shl(12).add(page.and(1023).shl(2)).load32());
            f.if(frame.ltS(0), () => {
              f.set(frame, f.callI32(pageIn, page));
            });
            f.if(frame.ne(ZERO_FRAME), () => {
              const own = f.let(f.callI64(hashFrame, frame));
              f.if(own.ne(0n), () => {
                f.set(hash, hash.add(mix(own.xor(page.toI64U().mul(PRIME_B)))));
              });
            });
            f.set(page, page.add(1));
          },
        );
      },
    );
    f.return(hash);
  });
  return { hashFrame, hashRam };
}

const mix = (value: I64): I64 => {
  const a = value.mul(PRIME_A);
  return a.rotl(29n).mul(PRIME_B).add(a);
};
