import { type Browser, chromium } from 'playwright';
import { chromiumFlags, chromiumPath } from '../src/cli/chromium.ts';

export { chromiumFlags, chromiumPath };

/** A headless Chromium with WebGPU on SwiftShader; the caller closes it. */
export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: await chromiumPath(),
    args: [...chromiumFlags, ...flags],
  });
}
