import { readFileSync } from 'node:fs';
import type { Page } from 'playwright';

const axe = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** What axe objects to, rule and elements; empty where it objects to nothing. */
export async function objections(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  // Not a script element: the page's policy would refuse it.
  await session.send('Runtime.evaluate', { expression: axe });
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const found = await axe.run();
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('\n')}`);
  });
}
