import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSavedRequest, type SavedRequest } from '../../../src/protocol/saved-request.ts';
import { sonde } from './sonde.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../../public/${path}`, import.meta.url));

/** A reading that the playground's page recorded in a real browser: what is replayed was not computed here. */
async function recorded(model: string) {
  return JSON.parse(await readFile(root(`examples/${model}.json`), 'utf8'));
}

let scratch: string;
let judged: Extract<SavedRequest, { operation: 'classify' }>;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-replay-'));
  const { text, answer, provenance } = await recorded('sentiment');
  judged = {
    format: 'sonde-request/1',
    operation: 'classify',
    input: text,
    classes: answer.classes,
    provenance,
  };
});
afterAll(() => rm(scratch, { recursive: true }));

async function replay(saved: unknown, model: string, ...more: readonly string[]) {
  const file = join(scratch, 'request.json');
  await writeFile(file, typeof saved === 'string' ? saved : JSON.stringify(saved));
  return sonde('replay', file, '--model', root(`models/${model}`), ...more);
}

describe('sonde replay', () => {
  it('makes a classification of a browser again', async () => {
    const { status, stdout } = await replay(judged, 'sentiment');
    expect(stdout).toContain('Reproduced: same model files, same plan, the same classes');
    expect(stdout).toMatch(/input digest +not checkable here/);
    expect(stdout).toMatch(/surroundings +differs +threads was 2 and is 1/);
    expect(status).toBe(0);
  });

  it('makes a generation of a browser again, sampled and captured', async () => {
    const { text, steps, provenance, insides } = await recorded('shakespeare-gpt');
    const tokens = steps.map((step: { token: object; logProbability: number }) => ({
      ...step.token,
      logProbability: step.logProbability,
    }));
    const hooks: readonly string[] = insides.profile.hooks;
    const capture = [
      ...hooks,
      'blocks.*.attn.hook_pattern',
      'blocks.*.hook_attn_out',
      'blocks.*.hook_mlp_out',
    ];
    const saved = {
      format: 'sonde-request/1',
      operation: 'generate',
      input: text,
      options: { maxNewTokens: 32, temperature: 0.7, seed: 0, capture },
      tokens,
      provenance: { ...provenance, retrievedPassages: 1, retrievedDigest: 'ab'.repeat(32) },
    };
    const same = await replay(saved, 'shakespeare-gpt', '--json');
    const { findings } = JSON.parse(same.stdout);
    expect(findings).toContainEqual(
      expect.objectContaining({
        of: 'outputs',
        verdict: 'same',
        why: expect.stringContaining('the same 32 tokens'),
      }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ of: 'retrieved digest', verdict: 'not checkable here' }),
    );
    const another = { ...saved, options: { ...saved.options, seed: 1 } };
    const { stdout, status } = await replay(another, 'shakespeare-gpt');
    expect(stdout).toMatch(/Not reproduced: .*token \d+ was ".+" and is ".+"/);
    expect(status).toBe(1);
  });

  it.each([
    [
      'the text',
      { input: 'a dull, pointless mess' },
      /the probability of POSITIVE was 0\.937925 and is 0\.0\d+/,
    ],
    ['a class', { classes: [{ label: 'NICE', probability: 1 }] }, /there is no class NICE now/],
  ])('says in a sentence that %s was changed', async (_, change, sentence) => {
    const { status, stdout } = await replay({ ...judged, ...change }, 'sentiment');
    expect(stdout.split('\n').at(-2)).toMatch(/^Not reproduced: .*\.$/);
    expect(stdout).toMatch(sentence);
    expect(status).toBe(1);
  });

  it('says that model and plan are others', async () => {
    const provenance = { ...judged.provenance, modelDigest: '0'.repeat(64), planDigest: '1'.repeat(64) };
    const { status, stdout } = await replay({ ...judged, provenance }, 'sentiment');
    expect(stdout).toContain('the model files had the digest 000000000000 and have 4c1db97020a5 now');
    expect(stdout).toContain('the plan had the digest 111111111111 and has 990844b7ff3b now');
    expect(status).toBe(1);
  });

  it('refuses what is no saved request', async () => {
    expect(await replay('{', 'sentiment')).toMatchObject({ status: 2 });
    expect(await replay({ ...judged, classes: [{ label: 'A' }] }, 'sentiment')).toMatchObject({ status: 2 });
    expect(await sonde('replay')).toMatchObject({ status: 2 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseSavedRequest(text)).toThrowError(
          expect.objectContaining({ code: 'invalid_argument' }),
        );
      }),
    );
  });
});
