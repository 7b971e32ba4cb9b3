/**
 * What VS Code calls inside its extension host (the contract of @vscode/test-electron: run(): Promise<void>): runs
 * guest.suite.js beside it with mocha, and leaves what came of it as JSON in the file that CHRONOVISOR_E2E_RESULT names.
 */
import Mocha from 'mocha';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Outcome {
  readonly title: string;
  /** Absent for a test that passed. */
  readonly error?: string;
}

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 30_000, reporter: Mocha.reporters.Base });
  mocha.addFile(join(__dirname, 'guest.suite.js'));
  const outcomes: Outcome[] = [];
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on('pass', (test) => outcomes.push({ title: test.title }));
    runner.on('fail', (test, error: Error) =>
      outcomes.push({ title: test.title, error: error.stack ?? error.message }),
    );
  });
  const file = process.env['CHRONOVISOR_E2E_RESULT'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(outcomes));
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
