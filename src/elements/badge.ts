import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { AdapterInfo, DeviceReport } from '../protocol/device.ts';
import { deviceName } from './format.ts';
import { theme } from './theme.ts';

/** Where the model runs, and what was tried before it ran there. */
export class SondeBadge extends LitElement {
  static override properties = { report: { attribute: false } };
  static override styles = [
    theme,
    css`
      :host {
        font-size: 0.8125rem;
      }
      .where {
        display: inline-flex;
        align-items: baseline;
        flex-wrap: wrap;
        gap: 0 0.5rem;
      }
      .device {
        font-weight: 600;
      }
      .device::before {
        content: '';
        display: inline-block;
        inline-size: 0.5rem;
        block-size: 0.5rem;
        margin-inline-end: 0.375rem;
        background: var(--good);
      }
      .device.fallen::before {
        background: var(--doubt);
      }
      .device.none::before {
        background: none;
        border: 1px solid var(--soft);
      }
      summary {
        cursor: pointer;
        color: var(--accent);
        inline-size: fit-content;
        min-block-size: 1.5rem;
      }
      ol {
        padding-inline-start: 1.25rem;
        color: var(--soft);
        overflow-wrap: anywhere;
      }
    `,
  ];

  declare report: DeviceReport | undefined;

  override render(): TemplateResult {
    const { report } = this;
    if (report === undefined)
      return html`<span class="where"><span class="device none">No model loaded</span></span>`;
    const threads = `${report.threads} thread${report.threads === 1 ? '' : 's'}`;
    return html`<span class="where">
        <span class="device ${report.fallbacks.length > 0 ? 'fallen' : ''}">${deviceName[report.device]}</span>
        <span>${report.dtype}</span>
        ${report.adapter ? html`<span class="soft">${adapterText(report.adapter)}</span>` : nothing}
        <span class="soft">${provedText(report)}</span>
        <span class="soft">${threads}${report.crossOriginIsolated ? '' : ', page not isolated'}</span>
      </span>
      ${report.fallbacks.length === 0 ? nothing : this.#fallbacks(report)}`;
  }

  #fallbacks(report: DeviceReport): TemplateResult {
    return html`<details>
      <summary>Not the first choice: why</summary>
      <ol>
        ${report.fallbacks.map(
          ({ device, dtype, reason }) => html`<li>${deviceName[device]} ${dtype}: ${reason}</li>`,
        )}
      </ol>
    </details>`;
  }
}

const provedText = ({ fidelity }: DeviceReport): string =>
  fidelity.kind === 'proved' ? `proved to ${fidelity.worst.error.toExponential(0)}` : 'unproved';

function adapterText({ vendor, architecture, description, isFallbackAdapter }: AdapterInfo): string {
  const name = [vendor, architecture].filter(Boolean).join(' ') || description || 'adapter not named';
  return isFallbackAdapter ? `${name}, software adapter` : name;
}
