/** Where an expression is evaluated: what its registers, names and addresses are. */
import type { FrameContext } from '../symbols/variables';
import type { ExpressionSymbols } from './expression-names';
import type { Write } from './value';
import type { MachineView } from './view';

export interface ExpressionContext {
  readonly view: MachineView;
  readonly symbols: ExpressionSymbols;
  /** Default: the view's registers, without a caller. */
  readonly frame?: FrameContext | undefined;
  /** Functions inlined around the frame's own one; absent: it is the innermost that there is. */
  readonly inlineDepth?: number | undefined;
  /** Another hart, for `$hart(1).a0`. */
  hart?(id: number): MachineView | undefined;
  /** Number of a floating point register by name. */
  floatRegister?(name: string): number | undefined;
  /** A field of a control and status register, in any case. */
  fieldOf?(csr: string, field: string): { readonly low: number; readonly width: number } | undefined;
  /** Changes the guest; absent: assignments are refused. */
  write?(writes: readonly Write[]): void;
}
