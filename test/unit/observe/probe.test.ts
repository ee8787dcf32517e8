import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { perturb } from '../../../src/observe/probe/perturb.ts';
import { answerStability } from '../../../src/observe/probe/stability.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { scalar } from './vectors.ts';

describe('answer stability', () => {
  it('is the discrete semantic entropy of the published vector over two meanings', () => {
    const stability = answerStability('Paris', ['paris.', 'Lyon']);
    expect(stability.entropy).toBeCloseTo(scalar('SE empirical disc (sum p log p)'), 9);
    expect(stability.entropy).toBeCloseTo(scalar('SE freq-mean lmpolygraph'), 9);
    expect(stability.answers).toBe(2);
    expect(stability.agreement.estimate).toBe(0.5);
  });

  it('is certain where every probe answers the same, with the interval of its number of probes', () => {
    const stable = answerStability('yes', Array(10).fill(' Yes! '));
    expect(stable).toMatchObject({ entropy: 0, answers: 1, agreement: { estimate: 1, n: 10 } });
    expect(stable.agreement.upper).toBeCloseTo(1, 12);
    // Wilson's lower bound of 10 of 10 is n / (n + z^2).
    expect(stable.agreement.lower).toBeCloseTo(10 / (10 + 1.959963984540054 ** 2), 9);
  });

  it('says nothing without probes', () => {
    expect(answerStability('yes', []).agreement.estimate).toBeNaN();
  });

  it('goes by a meaning that the caller gives', () => {
    const number = (answer: string) => answer.replace(/\D/g, '');
    expect(answerStability('42', ['It is 42', 'forty-one: 41'], number).agreement.estimate).toBe(0.5);
  });
});

describe('perturbed questions', () => {
  it('differ from the question and from each other, and keep its words but for one slip or case', () => {
    const question = 'Which city is the capital of France?';
    const probes = perturb(question, 10, mulberry32(1));
    expect(probes.length).toBe(10);
    expect(new Set([question, ...probes]).size).toBe(11);
    const letters = (text: string) => [...text.toLowerCase().replace(/[^a-z]/g, '')].sort().join('');
    for (const probe of probes) expect(letters(probe)).toBe(letters(question));
  });

  it('are the same for the same seed, and never fail', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(8), fc.integer(), (question, n, seed) => {
        const probes = perturb(question, n, mulberry32(seed));
        expect(probes).toEqual(perturb(question, n, mulberry32(seed)));
        expect(probes.length).toBeLessThanOrEqual(n);
      }),
    );
  });
});
