/** What a bench gives: figures with units, and the targets that the product set itself. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure should be at least or at most. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  /** How far single measurements lay apart, as a fraction of the value. */
  readonly noise?: number;
  readonly note?: string;
}

export interface BenchResult {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

export type Bench = () => Promise<BenchResult>;

export const meets = ({ value, target }: Figure): boolean =>
  target === undefined || ('atLeast' in target ? value >= target.atLeast : value <= target.atMost);
