import { html, nothing, type TemplateResult } from 'lit';
import type { ModelProof } from '../protocol/proof.ts';
import type { Verdict } from '../shared/proof.ts';
import { countText } from './format.ts';

/** What did not hold, and why: the same claim over many blocks is one line. */
export function notHeld({ verdicts, refused }: ModelProof): TemplateResult {
  const lines = new Map<string, { readonly verdict: Verdict; readonly why: string; count: number }>();
  for (const verdict of verdicts) {
    const { claim, outcome } = verdict;
    if (outcome.kind === 'holds') continue;
    const key = `${outcome.kind} ${claim} ${outcome.why}`;
    const line = lines.get(key) ?? { verdict, why: outcome.why, count: 0 };
    line.count++;
    lines.set(key, line);
  }
  const rows = [...lines.values()].sort((a, b) => rank(a.verdict) - rank(b.verdict));
  const refusals = Object.entries(refused);
  if (rows.length + refusals.length === 0) return html`${nothing}`;
  return html`<details class="not-held">
    <summary>What did not hold, and why</summary>
    <ul>
      ${refusals.map(([hook, why]) => html`<li><span class="fails">refused</span> ${hook}: ${why}</li>`)}
      ${rows.map(
        ({ verdict, why, count }) =>
          html`<li>
            <span class=${verdict.outcome.kind}>${verdict.outcome.kind}</span> ${verdict.claim}
            <span class="soft">${why}${count > 1 ? `, ${countText(count)} times` : ''} (${verdict.hooks.join(', ')})</span>
          </li>`,
      )}
    </ul>
  </details>`;
}

const rank = ({ outcome }: Verdict): number => (outcome.kind === 'fails' ? 0 : 1);
