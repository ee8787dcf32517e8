import type { Field, Note, Notes, Spec } from './field.ts';
import { recordFields, schemaUrl, schemaVersion, serviceFields } from './fields.ts';
import { exportFields, type MetricField, type MetricKey, metricFields } from './metrics.ts';
import { exportNotes, metricNotes, recordNotes, serviceNotes } from './notes.ts';
import { outcomeEvent, outcomeFields } from './outcome-fields.ts';
import { outcomeNotes } from './outcome-notes.ts';
import { signalMap } from './signals.ts';

/** What a value can be, in a few words. */
function domain(spec: Spec): string {
  switch (spec.kind) {
    case 'text':
      return `\`${spec.pattern.source.replaceAll('|', '\\|')}\``;
    case 'prose':
      return `NFKC, up to ${spec.most} UTF-16 units`;
    case 'choice':
      return Object.values(spec.values)
        .map((value) => `\`${value}\``)
        .join(' ');
    case 'whole':
      return `whole, ${spec.min} to ${spec.max}`;
    case 'instant':
      return 'nanoseconds since the epoch, whole milliseconds';
    case 'duration':
      return 'seconds, whole milliseconds';
    case 'grid':
      return `${spec.min} to ${spec.max} in steps of ${1 / spec.steps}`;
    case 'exact':
      return `over 0, up to ${spec.max}`;
    case 'flag':
      return 'true or false';
  }
}

const row = (name: string, field: Field, note: Note): string =>
  [
    '',
    `\`${field.wire}\``,
    `\`${name}\``,
    field.carrier,
    domain(field.spec),
    field.required ? 'yes' : '',
    note.privacy,
    note.stability,
    note.description,
    '',
  ]
    .join(' | ')
    .trim();

const table = <T extends object>(
  fields: Readonly<Record<keyof T & string, Field>>,
  notes: Notes<T>,
): string =>
  [
    '| on the wire | in the code | carrier | values | required | privacy | stability | |',
    '|---|---|---|---|---|---|---|---|',
    ...(Object.keys(fields) as (keyof T & string)[]).map((key) => row(key, fields[key], notes[key])),
  ].join('\n');

function instrumentOf({ instrument }: MetricField): string {
  switch (instrument.kind) {
    case 'counter':
      return 'counter';
    case 'exponential':
      return 'exponential histogram';
    case 'explicit':
      return `histogram, edges ${instrument.edges.join(' ')}`;
  }
}

const metrics = (): string =>
  [
    '| metric | unit | kind | attributes | |',
    '|---|---|---|---|---|',
    ...(Object.keys(metricFields) as MetricKey[]).map((metric) => {
      const field: MetricField = metricFields[metric];
      const attributes = field.attributes.map((key) => `\`${recordFields[key].wire}\``).join(' ');
      return `| \`${field.name}\` | ${field.unit} | ${instrumentOf(field)} | ${attributes} | ${metricNotes[metric]} |`;
    }),
  ].join('\n');

const stays = (): string =>
  [
    '| signal | unit | stability | |',
    '|---|---|---|---|',
    ...signalMap()
      .filter(({ tier }) => tier === 'device')
      .map(
        ({ name, unit, stability, description }) =>
          `| \`${name}\` | ${unit} | ${stability} | ${description} |`,
      ),
  ].join('\n');

/** `docs/telemetry.md`: all that can leave a page, from the tables that the mask and the collector go by. */
export const telemetryDocument = (): string => `# What Sonde sends

Made from \`src/schema\` by \`npx vitest run --project unit test/unit/schema/document.test.ts -u\`; a test
fails when the two differ. The mask lets nothing out that is not in these tables, and the collector takes nothing in
that is not: no value of a single token, and no text of an input or output unless the application opted in.

- Format of records: OTLP/JSON logs, event \`sonde.request\`, one record a request, schema version ${schemaVersion}
  (\`schemaUrl\` ${schemaUrl(schemaVersion)}; a name, not an address). The collector also takes the version before.
- Carrier \`resource\` and \`scope\`: once for all records that share it. \`attribute\`: on the record. \`native\`: a field
  that OTLP's LogRecord has by itself.
- By default a record tells one signal at most: \`sonde.confidence.mean\` or \`sonde.entropy.mean\`, a confidence as
  the middle of its bucket in \`/metrics\`, an entropy as either end of its bucket, so drawn that means are right, with the chance \`sonde.sampling.signal_probability\`; times as 0.1, 0.5, 2.5, 15 s, 5 min or
  12 h, for up to 0.2, 1, 5, 30 s, 10 min or a day; and no counts of tokens. With \`records: 'detailed'\` signals are
  rounded to a grid of at most 256 values, times to whole milliseconds.
- A value that its field does not
  accept is dropped and counted; without a required field the record is dropped and counted.
- Identifiers an application chooses (request id, cohort, service, model id) are also searched for card numbers
  (Luhn), IBANs (mod 97), keys by their prefix, e-mail addresses, phone numbers and IP addresses: by the mask, and
  again by the collector, which refuses such a record.
- Privacy: \`public\` is the same for everyone, \`operational\` is about the machine or the run, \`pseudonymous\` links
  records of one page life or one install, \`content\` is what people wrote: it leaves only where the application set
  \`telemetry.text\`, without what the same detectors find in it, and the collector refuses a record in which they find
  something.

## The record

${table(recordFields, recordNotes)}

## The outcome of a request

Event \`${outcomeEvent}\`, told by the application with \`sonde.outcome\`, joined by the request's id. No model stands
on it: the request's record names that. Sampled with its request.

${table(outcomeFields, outcomeNotes)}

## Tier 0: every request

OTLP/JSON metrics over all requests, sampled or not, as differences since the last export, at most every 10 s and when
the page goes. A request adds what its masked record says and nothing finer: so under an \`epsilon\` the same noise, and
of its tokens their mean, never one value. A signal that its record tells with a chance counts 1 / chance times, so the
histograms stand for all requests. Exponential histograms have at least 9 % to a bucket. A model that was
loaded may add to it, too, and a window of at least 50 requests that was judged for drift: counts over all of them, and one
distance, not under an \`epsilon\`, and only where all of them had consent. Attributes have the values that the record's fields of that name have.

${metrics()}

## The service

${table(serviceFields, serviceNotes)}

## The numbering

Records of one page life are numbered from 0 without gaps, so that what came twice is stored once and what is missing
is known. \`sonde.seq\` is the number of the first record of its \`ScopeLogs\`; the others follow in order. The
measurements of tier 0 are numbered apart from records, and \`sonde.seq.count\` of them are added up in one
\`ScopeMetrics\`; \`sonde.seq.count\` stands on no record.

${table(exportFields, exportNotes)}

## What stays on the device

\`npx sonde signals\` prints these and the fields above as one map.

${stays()}
`;
