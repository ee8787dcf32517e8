import { csvParseRows } from 'd3-dsv';
import type { LabelledText } from '../index.ts';

/** A file that cannot be read as labelled texts, and the line where that was seen. */
export class LabelledFault extends Error {}

/**
 * Texts and their classes: CSV with a header that names `text` and `label`, a JSON array of such objects, or one
 * object a line.
 * @throws LabelledFault with the line
 */
export function readLabelled(content: string): readonly LabelledText[] {
  const text = content.replace(/^\uFEFF/, '').trim();
  if (text === '') throw new LabelledFault('The file is empty.');
  const found = text.startsWith('[')
    ? fromArray(text)
    : text.startsWith('{')
      ? fromLines(text)
      : fromCsv(text);
  if (found.length === 0) throw new LabelledFault('The file holds no labelled text.');
  return found;
}

function fromArray(text: string): readonly LabelledText[] {
  const parsed = parsedJson(text, 'The file');
  if (!Array.isArray(parsed)) throw new LabelledFault('The file is no list.');
  return parsed.map((item: unknown, at) => labelled(item, `Item ${at + 1}`));
}

const fromLines = (text: string): readonly LabelledText[] =>
  text
    .split('\n')
    .flatMap((line, at) =>
      line.trim() === '' ? [] : [labelled(parsedJson(line, `Line ${at + 1}`), `Line ${at + 1}`)],
    );

/** By rows: what d3-dsv does with objects needs `eval`, which this page forbids. */
function fromCsv(text: string): readonly LabelledText[] {
  const [header = [], ...rows] = csvParseRows(text);
  const names = header.map((name) => name.trim().toLowerCase());
  const [textAt, labelAt] = [names.indexOf('text'), names.indexOf('label')];
  if (textAt < 0 || labelAt < 0)
    throw new LabelledFault('The first line of a CSV file names its columns: text and label.');
  return rows.map((row, at) => labelled({ text: row[textAt], label: row[labelAt] }, `Row ${at + 2}`));
}

function parsedJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LabelledFault(`${where} is not valid JSON.`);
  }
}

function labelled(item: unknown, where: string): LabelledText {
  const { text, label }: { readonly text?: unknown; readonly label?: unknown } =
    typeof item === 'object' && item !== null ? item : {};
  if (typeof text !== 'string' || text.trim() === '') throw new LabelledFault(`${where} has no text.`);
  if (typeof label === 'number') return { text, label };
  const name = typeof label === 'string' ? label.trim() : '';
  if (name === '') throw new LabelledFault(`${where} has no label.`);
  return { text, label: /^\d+$/.test(name) ? Number(name) : name };
}
