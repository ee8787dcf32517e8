import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { findChromium } from '../../../src/cli/chromium.ts';

let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'sonde-path-'));
  vi.stubEnv('PATH', path);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(path, { recursive: true });
});

it("finds Playwright's own Chromium first, else one on the PATH", async () => {
  const own = chromium.executablePath();
  const system = join(path, 'google-chrome');
  await writeFile(system, '#!/bin/sh\n');
  await chmod(system, 0o755);
  expect(await findChromium()).toBe(existsSync(own) ? own : system);
});

it('does not take a file that cannot be executed', async () => {
  await writeFile(join(path, 'chromium'), '');
  expect(await findChromium()).not.toBe(join(path, 'chromium'));
});
