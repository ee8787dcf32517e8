import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ArchitectureModel } from '../../src/elements/architecture.ts';
import { architectureTree, hooksOf } from '../../src/elements/architecture-tree.ts';
import { defineElements } from '../../src/elements/define.ts';
import type { Hook } from '../../src/index.ts';
import { milliseconds } from '../../src/shared/units.ts';

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
    ['sonde-drift', /No requests were counted/],
    ['sonde-fidelity', /No model is loaded, so no device was compared/],
    ['sonde-reliability', /Nothing was measured/],
    ['sonde-layers', /No summary was computed/],
    ['sonde-entropy', /No step was generated/],
    ['sonde-classes', /Nothing was classified/],
    ['sonde-provenance', /nothing to say about where it came from/],
    ['sonde-badge', /No model loaded/],
    ['sonde-ledger', /No books yet/],
    ['sonde-record-diff', /No record yet/],
    ['sonde-payload', /Nothing was sent yet/],
    ['sonde-architecture', /No model is loaded/],
    ['sonde-hook-detail', /Choose a part/],
    ['sonde-graph-neighbours', /Choose a node/],
  ] as const)('is said by <%s>', async (tag, words) => {
    expect(await textOf(tag, {})).toMatch(words);
  });

  it('is told with its reason for a layer without attention weights', async () => {
    const said = await textOf('sonde-attention', {
      maps: { layers: [{ unavailable: 'the op keeps them inside' }] },
    });
    expect(said).toContain('Not available in this layer: the op keeps them inside.');
  });

  const scores: Hook = {
    name: 'blocks.0.attn.hook_attn_scores',
    dims: ['batch', 'head', 'position', 'key'],
    source: { kind: 'unavailable', reason: 'the operator keeps them inside' },
  };
  const built: ArchitectureModel = {
    id: 'm',
    architecture: 'Model',
    kind: 'decoder',
    layers: 1,
    heads: 2,
    dModel: 8,
    hooks: [scores],
  };

  it('is told with its reason for a hook the model does not give', async () => {
    const [part] = architectureTree([scores]);
    expect(part && hooksOf(part)).toEqual([scores]);
    const said = await textOf('sonde-hook-detail', {
      of: { path: scores.name, label: '', hook: scores, parts: [] },
    });
    expect(said).toContain('unavailable the operator keeps them inside');
  });

  it('is told by the tree of a graph without attention, which has no parts to name', async () => {
    const said = await textOf('sonde-architecture', { model: { ...built, kind: 'unknown', hooks: [] } });
    expect(said).toContain('No attention was found in this graph');
  });

  it('is told of a proof: what failed or was skipped, with its reason and how often', async () => {
    const hooks = [scores.name];
    const skipped = {
      claim: 'a = b',
      hooks,
      byConstruction: false,
      outcome: { kind: 'skipped', why: 'too wide' },
    } as const;
    const fails = {
      ...skipped,
      claim: 'c = d',
      outcome: { kind: 'fails', why: 'the two sides differ' },
    } as const;
    const proof = {
      device: 'wasm',
      dtype: 'fp32',
      hooks: { [scores.name]: 'unavailable' },
      verdicts: [skipped, skipped, fails],
      refused: {},
      elapsed: milliseconds(5),
    } as const;
    const said = await textOf('sonde-architecture', { model: built, proof });
    expect(said).toMatch(/0 identities hold, 1 fail, 2 skipped/);
    expect(said).toMatch(/fails c = d the two sides differ.* skipped a = b too wide, 2 times/);
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
        fidelity: { kind: 'unproved', reason: 'no golden' },
      },
    });
    expect(said).toMatch(/WASM fp32 unproved 1 thread, page not isolated .*WebGPU fp16: no shader-f16/);
  });

  it('is told of devices: the worst hook of each layer, what is no number, and what was refused', async () => {
    const said = await textOf('sonde-fidelity', {
      report: {
        device: 'wasm',
        dtype: 'q8',
        threads: 1,
        crossOriginIsolated: false,
        fallbacks: [],
        fidelity: { kind: 'unproved', reason: 'no golden lies beside it.' },
      },
      fidelity: {
        elapsed: milliseconds(1200),
        variants: [
          { device: 'webgpu', dtype: 'fp16', result: { kind: 'refused', reason: 'requires f16' } },
          {
            device: 'wasm',
            dtype: 'q8',
            result: {
              kind: 'measured',
              hooks: [
                { hook: 'hook_embed', error: 0 },
                { hook: 'blocks.0.attn.hook_pattern', error: 0.02 },
                { hook: 'blocks.0.hook_mlp_out', error: 0.01 },
                { hook: 'decoder.blocks.0.hook_mlp_out', error: Number.POSITIVE_INFINITY },
                { hook: 'unembed.hook_out', error: 0.03 },
              ],
            },
          },
        ],
      },
    });
    expect(said).toContain('WASM q8 was not compared at this load: no golden lies beside it.');
    expect(said).toContain('refused WebGPU fp16: requires f16');
    expect(said).toMatch(
      /layer WASM q8 embed 0embed 0 2\.0e-2pattern decoder 0 not comparable.* out 3\.0e-2out/,
    );
    const drawn = () =>
      document.querySelector('sonde-fidelity')?.shadowRoot?.querySelectorAll('.plot path').length;
    await expect.poll(drawn).toBeGreaterThan(3);
  });

  it('is told by the books when they do not balance', async () => {
    const metrics = { emitted: 7, acknowledged: 5, pending: 0, dropped: { no_consent: 2 } };
    const ledger = { emitted: 5, acknowledged: 2, pending: 1, dropped: { no_consent: 1 }, metrics };
    const said = await textOf('sonde-ledger', { ledger });
    expect(said).toContain('off by 1 record');
    expect(said).toContain('Dropped: 1 no consent.');
    expect(said.replace(/\s+/g, ' ')).toContain('7 emitted = 5 acknowledged + 0 pending + 2 dropped');
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
