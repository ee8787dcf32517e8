import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fuzz, seeds } from '../../fuzz/mutants.ts';

/** `npm run fuzz` asks for more and writes down what came of them. */
const printed = Number(process.env.SONDE_FUZZ ?? 0);
const mutants = printed > 0 ? printed : 660;

describe('mutants of real files', () => {
  it('end in a model or a named error, within a second of CPU each', {
    timeout: printed * 20 + 120_000,
  }, () => {
    const files = seeds();
    const { counts, slowest } = fuzz(mutants, 20_261_123, files);
    const worst = Math.max(...slowest.values());
    expect(worst).toBeLessThan(1_000);
    if (printed === 0) return;
    const rows = [...counts].map(([name, outcomes]) => {
      const read = outcomes.get('a model') ?? 0;
      const all = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
      return `| ${name} | ${all} | ${read} | ${all - read} | ${(slowest.get(name) ?? 0).toFixed(1)} |`;
    });
    writeFileSync(
      'docs/fuzz.md',
      `# Fuzzing the reader

Written by \`npm run fuzz\`. Do not edit.

${mutants.toLocaleString('en')} mutants of ${files.length} graphs of test/zoo and of made-up graphs: each was read, and every hook of what could be read was tapped. Each ended in a model or in a named error, none in a crash or a hang; the slowest took ${worst.toFixed(0)} ms of CPU.

| mutant | count | a model | a named error | slowest, CPU ms |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`,
    );
    process.stdout.write(
      `${mutants} mutants: all ended in a model or a named error; worst ${worst.toFixed(0)} ms of CPU\n`,
    );
  });
});
