import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entropy } from '../../../src/observe/entropy.ts';
import type { Estimate } from '../../../src/observe/estimate.ts';
import { observeHosted } from '../../../src/observe/hosted/openai.ts';
import { observeTruncated } from '../../../src/observe/hosted/truncated.ts';
import { margin } from '../../../src/observe/margin.ts';
import { softmax } from '../../../src/observe/softmax.ts';
import { row, scalar } from './vectors.ts';

const rounding = 1e-9;

function expectToHold(estimate: Estimate, truth: number): void {
  if (estimate.kind === 'exact') expect(estimate.value).toBeCloseTo(truth, 9);
  else {
    expect(estimate.lower).toBeLessThanOrEqual(truth + rounding);
    expect(estimate.upper).toBeGreaterThanOrEqual(truth - rounding);
  }
}

/** Distributions of 2 to 40 outcomes, likeliest first, with one outcome taken and a number of places shown. */
const shown = fc
  .tuple(
    fc.array(fc.double({ min: -12, max: 6, noNaN: true }), { minLength: 2, maxLength: 40 }),
    fc.nat(39),
    fc.nat(20),
  )
  .map(([logits, at, k]) => {
    const p = [...softmax(logits)].sort((a, b) => b - a);
    return { p, chosen: at % p.length, k: Math.min(k, p.length) };
  });

describe('bounds of a truncated distribution', () => {
  it('hold the truth over the whole vocabulary, whatever is shown of it', () => {
    fc.assert(
      fc.property(shown, fc.boolean(), fc.boolean(), ({ p, chosen, k }, tellsChosen, tellsVocabulary) => {
        const chosenInTop = chosen < k;
        const signals = observeTruncated(
          {
            top: p.slice(0, k),
            chosenInTop,
            ...(tellsChosen || chosenInTop ? { chosen: p[chosen] as number } : {}),
          },
          tellsVocabulary ? p.length : undefined,
        );
        expectToHold(signals.entropy, entropy(p));
        expectToHold(signals.margin, margin(p));
        expectToHold(signals.confidence, p[chosen] as number);
      }),
      { numRuns: 2000 },
    );
  });

  it('are exact only where everything is told', () => {
    const p = row('p');
    const all = observeTruncated({ top: p, chosen: p[0] as number, chosenInTop: true }, 4);
    expect(all.margin).toEqual({ kind: 'exact', value: expect.closeTo(scalar('margin'), 9) });
    expectToHold(all.entropy, scalar('H'));
    const two = observeTruncated({ top: p.slice(0, 2), chosen: p[0] as number, chosenInTop: true }, 4);
    expect(two.margin.kind).toBe('exact');
    expect(two.entropy.kind).toBe('bounds');
    expect(observeTruncated({ top: p.slice(0, 1), chosenInTop: false }, 4).margin.kind).toBe('bounds');
  });

  it('are attained: packed under the cap below, spread evenly above', () => {
    const { entropy: told } = observeTruncated({ top: [0.5, 0.2], chosen: 0.5, chosenInTop: true }, 7);
    expect(told).toEqual({
      kind: 'bounds',
      lower: expect.closeTo(entropy([0.5, 0.2, 0.2, 0.1]), 12),
      upper: expect.closeTo(entropy([0.5, 0.2, ...Array(5).fill(0.06)]), 12),
    });
    const open = observeTruncated({ top: [0.5, 0.2], chosen: 0.5, chosenInTop: true }).entropy;
    expect(open).toMatchObject({ kind: 'bounds', upper: Infinity });
  });

  it.each([
    ['a sum over 1', [0.9, 0.2], 10],
    ['a vocabulary that cannot hold the rest', [0.5, 0.1], 3],
    ['a top out of order', [0.2, 0.5], 10],
  ])('refuse %s', (_, top, vocabulary) => {
    expect(() => observeTruncated({ top, chosenInTop: false }, vocabulary)).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});

describe("a hosted API's logprobs", () => {
  const ln = Math.log;
  const chat = {
    content: [
      {
        token: ' be',
        logprob: ln(0.6),
        bytes: [32, 98, 101],
        top_logprobs: [
          { token: ' be', logprob: ln(0.6), bytes: [32, 98, 101] },
          { token: ' see', logprob: ln(0.3), bytes: [32, 115, 101, 101] },
          { token: ' go', logprob: ln(0.05), bytes: [32, 103, 111] },
        ],
      },
      {
        token: ' not',
        logprob: ln(0.01),
        bytes: null,
        top_logprobs: [
          { token: ' or', logprob: ln(0.8), bytes: null },
          { token: ',', logprob: ln(0.1), bytes: null },
        ],
      },
    ],
  };

  it('are read from a chat completion', () => {
    const { tokens, perplexity } = observeHosted(chat);
    expect(tokens.map(({ text }) => text)).toEqual([' be', ' not']);
    expect(tokens[0]?.confidence).toEqual({ kind: 'exact', value: expect.closeTo(0.6, 12) });
    expect(tokens[0]?.margin).toEqual({ kind: 'exact', value: expect.closeTo(0.3, 12) });
    expect(tokens[0]?.entropy).toMatchObject({ kind: 'bounds', upper: Infinity });
    expect(tokens[1]?.confidence).toEqual({ kind: 'exact', value: expect.closeTo(0.01, 12) });
    expect(tokens[1]?.margin).toEqual({ kind: 'exact', value: expect.closeTo(0.7, 12) });
    expect(perplexity).toEqual({ kind: 'exact', value: expect.closeTo(1 / Math.sqrt(0.006), 9) });
  });

  it('are read from a text completion, without the token that an echo begins with', () => {
    const { tokens, perplexity } = observeHosted({
      tokens: ['To', ' be', ' or'],
      token_logprobs: [null, ln(0.9), ln(0.5)],
      top_logprobs: [null, { ' be': ln(0.9), ' go': ln(0.06) }, { ' or': ln(0.5), ' and': ln(0.4) }],
      text_offset: [0, 2, 5],
    });
    expect(tokens.map(({ text }) => text)).toEqual([' be', ' or']);
    expect(tokens[0]?.margin).toEqual({ kind: 'exact', value: expect.closeTo(0.84, 12) });
    expect(perplexity).toEqual({ kind: 'exact', value: expect.closeTo(1 / Math.sqrt(0.45), 9) });
  });

  it('bound what -9999 hides', () => {
    const hidden = { ...chat.content[1], logprob: -9999 };
    const { tokens, perplexity } = observeHosted({ content: [hidden] });
    expect(tokens[0]?.confidence).toEqual({ kind: 'bounds', lower: 0, upper: expect.closeTo(0.1, 12) });
    expect(perplexity).toEqual({ kind: 'bounds', lower: expect.closeTo(10, 9), upper: Infinity });
  });

  it('do not take a token that was added to the list for the last of the top', () => {
    // As some servers answer: two likeliest, and the token taken behind them.
    const [first, second] = [
      { token: 'a', logprob: ln(0.5) },
      { token: 'b', logprob: ln(0.2) },
    ];
    const added = { token: 'z', logprob: ln(0.01) };
    const { tokens } = observeHosted({ content: [{ ...added, top_logprobs: [first, second, added] }] });
    // 0.29 is left: one token at 0.2 and one at 0.09, and not 29 tokens at 0.01.
    expect(tokens[0]?.entropy).toMatchObject({
      lower: expect.closeTo(entropy([0.5, 0.2, 0.01, 0.2, 0.09]), 9),
    });
  });

  it.each([
    null,
    {},
    { content: [{ token: 1 }] },
    { content: [{ token: 'a', logprob: 0.5 }] },
    { tokens: ['a'], token_logprobs: [] },
    { content: [{ token: 'a', logprob: 'x' }] },
  ])('refuse %j', (logprobs) => {
    expect(() => observeHosted(logprobs)).toThrowError(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('refuse or read any JSON, and throw nothing else', () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.record({ content: fc.array(fc.record({ token: fc.string(), logprob: fc.jsonValue() })) }),
      fc.record({ tokens: fc.jsonValue(), token_logprobs: fc.jsonValue(), top_logprobs: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(json, (value) => {
        try {
          observeHosted(value);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_argument' });
        }
      }),
    );
  });
});
