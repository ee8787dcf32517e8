import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the output with `N passed, N failed`. A skipped test counts as failed, because a WebGPU test that
 * did not run has shown nothing; so do a file that could not be loaded, an error outside any test, and a run
 * that vitest itself calls failed.
 */
export default class Tally implements Reporter {
  #passed = 0;
  #failed = 0;

  onInit(): void {
    // The default reporter and vitest's own shutdown may still print, so this waits for the very end.
    process.on('exit', (code) => {
      const failed = this.#failed || (code === 0 ? 0 : 1);
      if (failed > 0 && code === 0) process.exitCode = 1;
      process.stdout.write(`${this.#passed} passed, ${failed} failed\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#passed = 0;
    this.#failed = unhandledErrors.length;
    for (const module of modules) {
      this.#failed += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state === 'passed') this.#passed += 1;
        else this.#failed += 1;
      }
    }
  }
}
