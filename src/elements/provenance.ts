import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { FileDigest } from '../protocol/model.ts';
import type { Provenance } from '../protocol/request.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import { bytesText, durationText, instantText } from './format.ts';
import { theme } from './theme.ts';

type Row = readonly [name: string, value: string | undefined, ifAbsent?: string];

/** Everything needed to say later where an answer came from. */
export class SondeProvenance extends LitElement {
  static override properties = {
    provenance: { attribute: false },
    files: { attribute: false },
    service: { attribute: false },
  };
  static override styles = [
    theme,
    css`
      .card {
        display: grid;
        gap: 1.25rem 2rem;
        grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr));
      }
      h3 {
        margin: 0 0 0.375rem;
        font-size: 0.875rem;
        font-weight: 600;
      }
      dl {
        display: grid;
        grid-template-columns: minmax(7.5rem, max-content) minmax(0, 1fr);
        border-block-start: 1px solid var(--line);
      }
      dt,
      dd {
        padding-block: 0.1875rem;
        border-block-end: 1px solid var(--line);
      }
      dt {
        color: var(--soft);
        padding-inline-end: 0.75rem;
      }
      dd {
        font-family: var(--mono);
        font-size: 0.8125rem;
        overflow-wrap: anywhere;
      }
      dd.none {
        font-family: inherit;
        color: var(--soft);
      }
      .files {
        margin-block-start: 1.25rem;
      }
      td.hash {
        font-family: var(--mono);
        font-size: 0.75rem;
        overflow-wrap: anywhere;
        min-inline-size: 16rem;
      }
    `,
  ];

  declare provenance: Provenance | undefined;
  /** Digest of each model file, where known. */
  declare files: readonly FileDigest[];
  declare service: ServiceIdentity | undefined;

  constructor() {
    super();
    this.files = [];
  }

  override render(): TemplateResult {
    const { provenance: p } = this;
    if (p === undefined)
      return html`<p class="absent">No answer yet, so there is nothing to say about where it came from.</p>`;
    const adapter = [p.adapterVendor, p.adapterArchitecture].filter(Boolean).join(' ');
    const notKeyed = 'not keyed: no consent, or storage is blocked';
    return html`<div class="card">
        ${group('Answer', [
          ['Operation', p.operation],
          ['Outcome', p.outcome],
          ['Started', instantText(p.startedAt)],
          ['Took', durationText(p.endedAt - p.startedAt)],
          ['Tokens', `${p.inputTokens} in, ${p.outputTokens} out`],
          ['Input cut short', p.truncated ? 'yes, it was longer than the context' : 'no'],
        ])}
        ${group('Input', [
          ['Origin', p.inputOrigin],
          ['Edits since paste', p.editsSincePaste?.toString(), 'not counted'],
          ['Template version', p.templateVersion, 'none given'],
          ['Beside its schema', violationsText(p), 'no schema declared'],
          ['Retrieved passages', p.retrievedPassages?.toString(), 'none named'],
          ['Consent to telemetry', p.consent, 'telemetry is not used'],
          ['Keyed digest', p.inputDigest, notKeyed],
          ...retrievedRow(p, notKeyed),
          ['Key', p.inputKeyId, notKeyed],
        ])}
        ${group('Model', [
          ['Name', p.modelId],
          ['Files digest', p.modelDigest],
          ['Tokenizer digest', p.tokenizerDigest],
          ['Plan digest', p.planDigest],
        ])}
        ${group('Machine', [
          ['Device', `${p.device}, ${p.dtype}`],
          [
            'Adapter',
            adapter || undefined,
            p.device === 'wasm' ? 'none: it ran on the CPU' : 'not named by the browser',
          ],
          ['Threads', String(p.threads)],
          ['Variants rejected before', String(p.fallbacks)],
          ['Faults got over', p.recoveries?.map(({ message }) => message).join(' '), 'none'],
          ['Sonde', p.sondeVersion],
          ['onnxruntime-web', p.runtimeVersion],
        ])}
        ${group('Identifiers', [
          ['Record', p.recordId],
          ['Request', p.requestId],
          ['Trace', p.traceId],
          ['Cohort', p.cohort, 'none given'],
          ['Flow', p.flow, 'none given'],
        ])}
        ${group('Application', [
          ['Name', this.service?.name, 'none given'],
          ['Version', this.service?.version, 'none given'],
          ['Environment', this.service?.environment, 'none given'],
          ['Owner', this.service?.owner, 'none given'],
          ['Consent text', this.service?.consentVersion, 'no version given'],
        ])}
      </div>
      ${this.files.length === 0 ? nothing : this.#fileTable()}`;
  }

  #fileTable(): TemplateResult {
    return html`<div class="files scroll" role="region" aria-label="Files of the model" tabindex="0">
      <table>
        <caption>
          Every file the model was loaded from
        </caption>
        <thead>
          <tr>
            <th scope="col">file</th>
            <th scope="col" class="number">size</th>
            <th scope="col">SHA-256</th>
          </tr>
        </thead>
        <tbody>
          ${this.files.map(
            (file) =>
              html`<tr>
                <th scope="row">${file.path}</th>
                <td class="number">${bytesText(file.bytes)}</td>
                <td class="hash">${file.sha256}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

/** Only where there is something that it would be of. */
const retrievedRow = (p: Provenance, ifAbsent: string): readonly Row[] =>
  (p.retrievedPassages ?? 0) === 0
    ? []
    : [
        ['Retrieved digest', p.retrievedDigest, ifAbsent],
        ...(p.passageDigests ?? []).map((digest, at): Row => [`Passage ${at + 1}`, digest]),
      ];

const violationsText = ({ inputMissing, inputExtra, inputOutOfRange }: Provenance): string | undefined =>
  inputMissing === undefined
    ? undefined
    : `${inputMissing} missing, ${inputExtra} extra, ${inputOutOfRange} out of range`;

function group(title: string, rows: readonly Row[]): TemplateResult {
  return html`<section>
    <h3>${title}</h3>
    <dl>
      ${rows.map(
        ([name, value, ifAbsent]) =>
          html`<dt>${name}</dt>
            ${value === undefined ? html`<dd class="none">${ifAbsent ?? 'not known'}</dd>` : html`<dd>${value}</dd>`}`,
      )}
    </dl>
  </section>`;
}
