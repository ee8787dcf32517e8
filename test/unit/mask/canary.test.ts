import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { beginRequest, type DigestTexts } from '../../../src/inspect/request.ts';
import { maskRecord, maskService } from '../../../src/mask/mask.ts';
import { textMask } from '../../../src/mask/prose.ts';
import { maskText } from '../../../src/mask/text.ts';
import { encodeLogs } from '../../../src/schema/otlp.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import type { Sha256Hex } from '../../../src/shared/digest.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { sampleRecord } from '../schema/sample.ts';
import { type Canary, canaries, leaks, listed, unchecked } from './canaries.ts';

// `SONDE_CANARIES=10000 npx vitest run --project unit test/unit/mask/canary.test.ts` is the suite in full.
const all = canaries(Number(process.env.SONDE_CANARIES ?? 2000), mulberry32(17));
const chunk = { session: 'a'.repeat(32), epoch: 0, seq: 0 };

/** Under a key of nobody's. */
const keyed: DigestTexts = async (texts) => ({
  digests: texts.map((text) => createHmac('sha256', 'a key').update(text).digest('hex') as Sha256Hex),
  keyId: 'k1764000',
});

/** A request with the canary wherever a page can put one, as far as it leaves the page. */
async function sent({ text, written, kind }: Canary): Promise<string> {
  const { text: _text, ...identity } = { ...sampleRecord(), text };
  const model = {
    ...identity,
    modelId: `https://models.example/${encodeURI(text)}/${written}?user=${written}#${text}`,
  };
  const context = {
    origin: 'pasted',
    traceparent: `00-${written}-x-00`,
    retrieved: [text, written],
    // A name that an application gives to a cohort is a cohort's name: nothing can tell.
    ...(unchecked.has(kind) ? {} : { requestId: written, cohort: text }),
  } as const;
  const request = beginRequest(model, 'generate', text, emptyPlan, context, keyed);
  const { record } = await request.end({
    outcome: 'error',
    errorCode: 'run_failed',
    inputTokens: 3,
    outputTokens: 0,
    truncated: false,
  });
  const careless = Object.assign({ prompt: text, message: `Failed on "${text}"`, [written]: 1 }, record);
  const { masked } = maskRecord(careless);
  const { masked: service } = maskService({ name: `shop ${written}`, owner: text, version: written });
  if (masked === undefined || service === undefined) return '';
  return JSON.stringify(encodeLogs({ service, chunk }, [masked]));
}

const opted = textMask({ input: 'mask', output: 'truncate', people: [...listed] });

/** What the collector keeps of a request with the canary in its input and its output, where texts are sent. */
function kept({ text }: Canary): string {
  const { masked } = maskRecord({ ...sampleRecord(), inputText: text, outputText: text }, opted);
  const { masked: service } = maskService({ name: 'shop' });
  if (masked === undefined || service === undefined) throw new Error('refused');
  const judged = validateLogs(JSON.parse(JSON.stringify(encodeLogs({ service, chunk }, [masked]))));
  if (judged.kind !== 'logs') throw new Error(judged.code);
  const [verdict] = judged.chunks[0]?.verdicts ?? [];
  if (verdict === undefined || !('record' in verdict)) throw new Error(JSON.stringify(verdict));
  return JSON.stringify([verdict.record.inputText, verdict.record.outputText]);
}

const tally = (hits: readonly Canary[], key: 'kind' | 'encoding'): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const canary of hits) counts[canary[key]] = (counts[canary[key]] ?? 0) + 1;
  return counts;
};

describe(`${all.length} canaries of 20 kinds, in 12 languages and 9 encodings`, () => {
  it('leave nothing in what is sent by default: typed, pasted, in URLs, model names and error messages', async () => {
    const leaked: Canary[] = [];
    for (const canary of all) if (leaks(canary, await sent(canary))) leaked.push(canary);
    expect(leaked.map(({ written }) => written)).toEqual([]);
  });

  it('leave nothing with a checksum, a prefix or a form in texts that an application opted in to send', () => {
    const checked = all.filter(({ kind }) => !unchecked.has(kind));
    const leaked = checked.filter((canary) => leaks(canary, kept(canary)));
    expect([tally(leaked, 'kind'), tally(leaked, 'encoding')]).toEqual([{}, {}]);
  });

  it('leave some names and addresses, for which there are only lists: the recall is printed', () => {
    const recall = (kind: string): number => {
      const some = all.filter((canary) => canary.kind === kind);
      const hidden = some.filter((canary) => !leaks(canary, kept(canary)));
      return hidden.length / some.length;
    };
    const [names, addresses] = [recall('name'), recall('address')];
    console.log(
      `recall in opted-in text: names ${(100 * names).toFixed(0)} % (every second name listed), addresses ${(100 * addresses).toFixed(0)} %`,
    );
    expect(names).toBeGreaterThan(0.3);
    expect(addresses).toBeGreaterThan(0.3);
  });
});

describe('a masked text', () => {
  it('keeps the rest as it was', () => {
    expect(maskText('Card 4111 1111 1111 1111, thanks')).toEqual({
      text: 'Card [card], thanks',
      found: { card: 1 },
    });
    expect(maskText('mail jane@example.com or +49 151 23456789 now').text).toBe(
      'mail [email] or [phone] now',
    );
    expect(maskText('Straße, naïve, 東京, مرحبا, धन्यवाद: 42 tokens at 0.25070001').found).toEqual({});
  });

  it.each([
    [
      'a file in base64',
      Buffer.from(Array.from({ length: 150_000 }, (_, i) => (i * i * 7919) % 251)).toString('base64'),
    ],
    ['prose without spaces', '王'.repeat(100_000)],
  ])('may hold words as long as %s', (_, word) => {
    expect(maskText(`${word} jane@example.com`, { people: new Set() }).text).toBe(`${word} [email]`);
  });

  it('says what it found, in whichever dress', () => {
    expect(maskText('４１１１１１１１１１１１１１１１').found).toEqual({ card: 1 });
    expect(maskText(`x ${Buffer.from('jane@example.com').toString('base64')} y`)).toEqual({
      text: 'x [email] y',
      found: { email: 1 },
    });
  });
});
