import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { planesOf, saltOf } from '../../../src/inspect/planes.ts';
import {
  meanRow,
  simHash,
  simHashAngle,
  simHashDistance,
} from '../../../src/observe/activations/sim-hash.ts';

const salt = (): string => randomBytes(32).toString('hex');

describe('SimHash', () => {
  it('differs in a bit with chance angle / pi, as Goemans and Williamson prove', async () => {
    const angles = [0.1, 0.5, 1, Math.PI / 2, 3];
    const runs = 300;
    const apart = angles.map(() => 0);
    for (let run = 0; run < runs; run++) {
      const planes = await planesOf(salt(), 6);
      for (const [i, angle] of angles.entries()) {
        const one = simHash([2, 0, 0, 0, 0, 0], planes);
        const other = simHash([3 * Math.cos(angle), 0, 0, 3 * Math.sin(angle), 0, 0], planes);
        apart[i] = (apart[i] ?? 0) + simHashDistance(one, other);
      }
    }
    for (const [i, angle] of angles.entries()) {
      const [n, p] = [64 * runs, angle / Math.PI];
      expect(Math.abs((apart[i] ?? 0) / n - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));
    }
  });

  it('tells the angle in radians, from equal to opposite', async () => {
    const planes = await planesOf(salt(), 3);
    const [a, b] = [simHash([1, 2, 3], planes), simHash([-1, -2, -3], planes)];
    expect([simHashAngle(a, a), simHashAngle(a, b)]).toEqual([0, Math.PI]);
  });

  it('is of the mean over all rows', () => {
    expect([...meanRow([1, 2, 3, 4, 5, 12], 2)]).toEqual([3, 6]);
  });
});

describe('planes', () => {
  it('are the key stream of AES-CTR under the salt, as normal deviates', async () => {
    const hex = salt();
    const planes = await planesOf(hex, 100);
    const cipher = createCipheriv('aes-256-ctr', Buffer.from(hex, 'hex'), Buffer.alloc(16));
    const stream = cipher.update(Buffer.alloc(8));
    const [u = 0, v = 0] = [0, 4].map((at) => (stream.readUInt32LE(at) + 0.5) / 2 ** 32);
    const radius = Math.sqrt(-2 * Math.log(u));
    expect(planes[0]).toBeCloseTo(radius * Math.cos(2 * Math.PI * v), 5);
    expect(planes[1]).toBeCloseTo(radius * Math.sin(2 * Math.PI * v), 5);
    const mean = (of: (x: number) => number): number => planes.reduce((sum, x) => sum + of(x), 0) / 6400;
    // Moments of the standard normal, within five standard errors.
    expect(Math.abs(mean((x) => x))).toBeLessThan(5 / 80);
    expect(Math.abs(mean((x) => x ** 2) - 1)).toBeLessThan((5 * Math.SQRT2) / 80);
    expect(Math.abs(mean((x) => x ** 4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / 80);
  });

  it('are salted with the key of the install, and without one with a salt of this life', async () => {
    const digests = async () => ({ digests: ['ab'.repeat(32) as never], keyId: 'k1' });
    expect(await saltOf(digests, 'cd')).toEqual({ hex: 'ab'.repeat(32), keyId: 'k1' });
    expect(await saltOf(async () => undefined, 'cd')).toEqual({ hex: 'cd' });
  });
});
