import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the output with `N passed, N failed`. A skipped test counts as failed, because a WebGPU test that
 * did not run has shown nothing; so does a file that could not be loaded and an error outside any test.
 */
export default class Tally implements Reporter {
  #line = '0 passed, 1 failed';
  #failed = true;

  onInit(): void {
    // The default reporter and vitest's own shutdown may still print, so this waits for the very end.
    process.on('exit', () => {
      if (this.#failed && !process.exitCode) process.exitCode = 1;
      process.stdout.write(`${this.#line}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') passed += 1;
        else failed += 1;
      }
    }
    this.#line = `${passed} passed, ${failed} failed`;
    this.#failed = failed > 0;
  }
}
