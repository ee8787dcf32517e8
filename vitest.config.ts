import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumFlags, chromiumPath } from './src/cli/chromium.ts';

const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const args = process.argv.join(' ');
const unitOnly = /--project[ =]unit\b/.test(args) && !/--project[ =](browser|e2e)\b/.test(args);

export default defineConfig(async () => ({
  test: {
    // Printed last: `N passed, N failed`.
    reporters: ['default', './test/reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 90_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        server: { headers },
        // The dependency optimiser would move onnxruntime-web away from its wasm.
        // The others are named, or finding one in the middle of a test would reload the page.
        optimizeDeps: {
          exclude: ['onnxruntime-web'],
          include: [
            '@huggingface/jinja',
            '@huggingface/tokenizers',
            '@huggingface/transformers',
            '@observablehq/plot',
            'comlink',
            'fast-check',
            'idb',
            'lit',
            'lit/directive.js',
            'lit/directives/repeat.js',
          ],
        },
        worker: { format: 'es' as const },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          exclude: ['test/browser/telemetry/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            api: { host: '127.0.0.1' },
            provider: playwright({
              launchOptions: unitOnly
                ? {}
                : { executablePath: await chromiumPath(), args: [...chromiumFlags] },
            }),
            instances: [{ browser: 'chromium' as const }],
          },
        },
      },
      {
        test: {
          name: 'e2e',
          include: [
            'test/e2e/**/*.test.ts',
            'test/browser/telemetry/**/*.test.ts',
            'test/package/**/*.test.ts',
          ],
          globalSetup: ['./test/setup/built.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
}));
