// Texts for drift: the validation split for `sonde baseline`, one a line, and the two windows that the playground
// feeds. Which lines of the dataset a split has, calibration.json says.
import { readFileSync, writeFileSync } from 'node:fs';

const [, , target] = process.argv;
if (target === undefined) throw new Error('Say where the texts of the baseline go: node drift_texts.js texts.txt');
const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const linesOf = (path) => read(path).split('\n').map((line) => line.trim());
const reviews = Object.fromEntries(
  ['neg', 'pos'].map((name) => [name, linesOf(`corpus/sentence_polarity/rt-polarity.${name}`)]),
);
const splits = JSON.parse(read('../public/models/sentiment/calibration.json'));
const textsOf = ({ ids }) =>
  ids.map((id) => {
    const [name, line] = id.split(':');
    return reviews[name][line - 1];
  });
const evenly = (lines, n) => Array.from({ length: n }, (_, i) => lines[Math.floor((i * lines.length) / n)]);
// Lines of speech of at least five words, as in sentiment_features.py.
const speech = linesOf('corpus/shakespeare.txt').filter(
  (line) => line.split(/\s+/).length >= 5 && !/^[A-Z][\w ]*:$/.test(line),
);

writeFileSync(target, `${textsOf(splits.validation).join('\n')}\n`);
const windows = {
  about:
    'Review sentences of the test split of the Sentence Polarity Dataset (Bo Pang and Lillian Lee, CC BY 4.0) and lines of Shakespeare, evenly over each',
  reviews: evenly(textsOf(splits.test), 200),
  shakespeare: evenly(speech, 200),
};
writeFileSync(new URL('../public/examples/drift.json', import.meta.url), `${JSON.stringify(windows, null, 1)}\n`);
