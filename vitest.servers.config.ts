import { defineConfig } from 'vitest/config';

/** Tests that need real servers and tools beyond npm and a Chromium; `.ci/run` installs what they call. */
export default defineConfig({
  test: {
    name: 'servers',
    reporters: ['default', './test/reporter.ts'],
    include: ['test/servers/**/*.test.ts'],
    globalSetup: ['./test/setup/built.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
