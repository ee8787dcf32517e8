import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defineElements } from '../../src/elements/define.ts';

beforeAll(() => defineElements());
afterEach(() => document.body.replaceChildren());

/** Puts an element on the page with these properties, and gives the text a reader sees once it is drawn. */
async function textOf<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]>,
): Promise<string> {
  const element = Object.assign(document.createElement(tag), properties);
  document.body.append(element);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return (element.shadowRoot?.textContent ?? '').replace(/\s+/g, ' ').trim();
}

describe('what is not there', () => {
  it.each([
    ['sonde-attention', /No attention was captured/],
    ['sonde-residual', /No residual stream was captured/],
    ['sonde-layers', /No summary was computed/],
    ['sonde-entropy', /No step was generated/],
    ['sonde-classes', /Nothing was classified/],
    ['sonde-provenance', /nothing to say about where it came from/],
    ['sonde-badge', /No model loaded/],
    ['sonde-ledger', /No books yet/],
    ['sonde-record-diff', /No record yet/],
    ['sonde-payload', /Nothing was sent yet/],
  ] as const)('is said by <%s>', async (tag, words) => {
    expect(await textOf(tag, {})).toMatch(words);
  });

  it('is told with its reason for a layer without attention weights', async () => {
    const said = await textOf('sonde-attention', {
      maps: { layers: [{ unavailable: 'the op keeps them inside' }] },
    });
    expect(said).toContain('Not available in this layer: the op keeps them inside.');
  });

  it('is a dash in a table, never a zero', async () => {
    const said = await textOf('sonde-layers', {
      layers: [{ layer: 0, mean: 0.5, deviation: 1, largest: 3 }],
      heads: [{ layer: 0, head: 0, entropy: 1, previousToken: 0.25, firstToken: 0.5 }],
    });
    expect(said).toContain('0.5001.0003.000––');
    expect(said).toMatch(/0\.2500\.500–$/);
  });
});

describe('what went otherwise', () => {
  it('is told by the badge: each variant that was tried, and why it fell', async () => {
    const said = await textOf('sonde-badge', {
      report: {
        device: 'wasm',
        dtype: 'fp32',
        threads: 1,
        crossOriginIsolated: false,
        fallbacks: [{ device: 'webgpu', dtype: 'fp16', reason: 'no shader-f16' }],
      },
    });
    expect(said).toMatch(/WASM fp32 1 thread, page not isolated .*WebGPU fp16: no shader-f16/);
  });

  it('is told by the books when they do not balance', async () => {
    const ledger = { emitted: 5, acknowledged: 2, pending: 1, dropped: { no_consent: 1 } };
    const said = await textOf('sonde-ledger', { ledger });
    expect(said).toContain('off by 1 record');
    expect(said).toContain('Dropped: 1 no consent.');
  });

  it('is told of bytes that do not decode', async () => {
    const body = Uint8Array.of(0x1f, 0x8b, 1, 2, 3);
    expect(await textOf('sonde-payload', { body })).toContain('The body could not be decoded');
  });

  it('is told of a field the mask kept back, before the fields it let through', async () => {
    const said = await textOf('sonde-record-diff', {
      raw: { modelId: 'm', duration: 1.5, secret: 'x' },
      masked: { modelId: 'm', duration: 2 },
    });
    expect(said).toMatch(/secret x – kept back duration 1\.5 2 coarsened modelId m m unchanged/);
  });
});

describe('a large map', () => {
  it('paints the exact colours of its weights, and nothing where the mask hides', async () => {
    const maps = {
      layers: [{ type: 'float32' as const, dims: [1, 1, 2, 2], data: Float32Array.of(1, 0, 0, 1) }],
    };
    await textOf('sonde-attention', {
      maps,
      tokens: [
        { id: 0, text: 'a' },
        { id: 1, text: 'b' },
      ],
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const overview = document
      .querySelector('sonde-attention')
      ?.shadowRoot?.querySelector('sonde-attention-overview');
    const canvas = overview?.shadowRoot?.querySelector('canvas');
    const pixels = canvas?.getContext('2d')?.getImageData(0, 0, 2, 2).data;
    const alphas = [3, 7, 11, 15].map((at) => pixels?.[at]);
    expect(alphas).toEqual([255, 0, 255, 255]);
    const brightness = (cell: number): number => (pixels?.[cell * 4] ?? 0) + (pixels?.[cell * 4 + 1] ?? 0);
    expect(brightness(0)).toBe(brightness(3));
    expect(Math.abs(brightness(0) - brightness(2))).toBeGreaterThan(200);
  });
});
