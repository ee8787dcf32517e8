import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256 } from '../../src/shared/digest.ts';
import { fromWireError, SondeError, toWireError } from '../../src/shared/errors.ts';
import { planDigest } from '../../src/shared/plan.ts';

describe('digests', () => {
  it('hashes the empty message to the digest FIPS 180-4 gives', async () => {
    expect(await sha256(new Uint8Array())).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  it('writes one text for one value, whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed as never)).toBe(canonicalJson(value as never));
        expect(JSON.parse(canonicalJson(value as never))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives plans with the same taps one digest, and other edits another', async () => {
    const one = await planDigest({ taps: ['b', 'a'], edits: [] });
    expect(await planDigest({ taps: ['a', 'b', 'a'], edits: [] })).toBe(one);
    expect(await planDigest({ taps: ['a', 'b'], edits: [{ kind: 'add', hook: 'a', input: 'x' }] })).not.toBe(
      one,
    );
  });
});

describe('errors', () => {
  it('cross a thread with code, message and remedy', () => {
    const sent = structuredClone(toWireError(new SondeError('disposed', 'It is gone.', 'Load it again.')));
    const received = fromWireError(sent);
    expect(received).toBeInstanceOf(SondeError);
    expect(received).toMatchObject({ code: 'disposed', message: 'It is gone.', remedy: 'Load it again.' });
  });
});
