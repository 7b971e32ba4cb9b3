/**
 * Mocha's ordinary report, and the numbers as JSON in the file named by MOCHA_RESULT: scripts/test.ts adds up several
 * runs. A run that dies leaves no such file, and counts as a failure.
 */
import Mocha from 'mocha';
import { writeFileSync } from 'node:fs';

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      const result: SuiteResult = { passed: passes, failed: failures, skipped: pending };
      const path = process.env['MOCHA_RESULT'];
      if (path !== undefined) writeFileSync(path, JSON.stringify(result));
    });
  }
}

module.exports = CountingReporter;
