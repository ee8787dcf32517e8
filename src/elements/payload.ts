import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import { bytesText } from './format.ts';
import { theme } from './theme.ts';

const shownBytes = 1024;
type Decoded = { readonly json: string; readonly gzip: boolean } | { readonly fault: string };

/** A telemetry body exactly as it left: its bytes, and what they say. */
export class SondePayload extends LitElement {
  static override properties = { body: { attribute: false }, decoded: { state: true } };
  static override styles = [
    theme,
    css`
      .sides {
        display: grid;
        gap: 1rem;
        grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr));
      }
      h4 {
        margin: 0 0 0.25rem;
        font-size: 0.8125rem;
        font-weight: 500;
        color: var(--soft);
      }
      pre {
        margin: 0;
        font-family: var(--mono);
        font-size: 0.6875rem;
        line-height: 1.5;
        max-block-size: 13.5rem;
        overflow: auto;
        border: 1px solid var(--line);
        background: var(--surface);
        padding: 0.5rem;
      }
    `,
  ];

  declare body: Uint8Array<ArrayBuffer> | undefined;
  declare decoded: Decoded | undefined;

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('body')) return;
    this.decoded = undefined;
    const { body } = this;
    if (body === undefined) return;
    void decode(body).then((decoded) => {
      if (this.body === body) this.decoded = decoded;
    });
  }

  override render(): TemplateResult {
    const { body, decoded } = this;
    if (body === undefined) return html`<p class="absent">Nothing was sent yet.</p>`;
    const more = body.length > shownBytes ? `, the first ${bytesText(shownBytes)} shown` : '';
    return html`<div class="sides">
      <section>
        <h4>${bytesText(body.length)} as sent${more}</h4>
        <pre tabindex="0" aria-label="Bytes as sent, hexadecimal">${hexDump(body.subarray(0, shownBytes))}</pre>
      </section>
      <section>
        <h4>${decoded === undefined ? 'Decoding' : 'fault' in decoded ? 'Not readable' : decoded.gzip ? 'The same, unpacked from gzip' : 'The same, as text'}</h4>
        <pre tabindex="0" aria-label="Body decoded">${decoded === undefined ? '' : 'fault' in decoded ? decoded.fault : decoded.json}</pre>
      </section>
    </div>`;
  }
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}

async function decode(body: Uint8Array<ArrayBuffer>): Promise<Decoded> {
  try {
    const gzip = body[0] === 0x1f && body[1] === 0x8b;
    const stream = new Blob([body]).stream();
    const plain = gzip ? stream.pipeThrough(new DecompressionStream('gzip')) : stream;
    const text = await new Response(plain).text();
    return { json: JSON.stringify(JSON.parse(text), null, 2), gzip };
  } catch (error) {
    return {
      fault: `The body could not be decoded: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
