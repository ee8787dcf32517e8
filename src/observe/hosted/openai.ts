import { SondeError } from '../../shared/errors.ts';
import { between, type Estimate, exactly } from '../estimate.ts';
import { observeTruncated, type TruncatedRow, type TruncatedSignals } from './truncated.ts';

export interface HostedToken extends TruncatedSignals {
  readonly text: string;
}

export interface HostedSignals {
  readonly tokens: readonly HostedToken[];
  /** exp of the mean surprisal of the tokens taken; NaN without any. */
  readonly perplexity: Estimate;
}

/** What the API writes for "outside of the top, and very unlikely": not a log-probability. */
const notTold = -9999;

interface Told {
  readonly id: string;
  readonly logprob: number | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const malformed = (what: string): SondeError =>
  new SondeError(
    'invalid_argument',
    `This is no \`logprobs\` of a chat or text completion: ${what}.`,
    'Ask for `logprobs: true, top_logprobs: 20` (chat) or `logprobs: 5` (completions) and pass `choices[i].logprobs`.',
  );

function logprob(value: unknown): number | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'number' || !(value <= 1e-4))
    throw malformed(`${JSON.stringify(value)} is no log-probability`);
  return value <= notTold ? undefined : value;
}

/**
 * Some servers add the token that was taken to their list when it is not among the k likeliest, so the least of a
 * list may not bound the rest where it is the token taken: then the one before it does.
 */
function rowOf(chosen: Told, listed: readonly Told[]): TruncatedRow {
  const told = listed
    .flatMap(({ id, logprob: value }) =>
      value === undefined ? [] : [{ id, p: Math.min(1, Math.exp(value)) }],
    )
    .sort((a, b) => b.p - a.p);
  const place = told.findIndex(({ id }) => id === chosen.id);
  const added = place >= 0 && place === told.length - 1;
  const top = (added ? told.slice(0, -1) : told).map(({ p }) => p);
  const p =
    place >= 0
      ? told[place]?.p
      : chosen.logprob === undefined
        ? undefined
        : Math.min(1, Math.exp(chosen.logprob));
  return { top, chosenInTop: place >= 0 && !added, ...(p === undefined ? {} : { chosen: p }) };
}

/** Two tokens may print alike; their bytes tell them apart. */
function chatToken(value: unknown): Told & { readonly text: string } {
  if (!isObject(value) || typeof value.token !== 'string') throw malformed('a token has no text');
  const bytes = Array.isArray(value.bytes) ? value.bytes.join() : '';
  return { id: `${value.token}\n${bytes}`, text: value.token, logprob: logprob(value.logprob) };
}

function chatRows(content: readonly unknown[]): { text: string; row: TruncatedRow }[] {
  return content.map((item) => {
    const chosen = chatToken(item);
    const listed = (item as Json).top_logprobs ?? [];
    if (!Array.isArray(listed)) throw malformed('`top_logprobs` is no list');
    return { text: chosen.text, row: rowOf(chosen, listed.map(chatToken)) };
  });
}

function completionRows({
  tokens,
  token_logprobs: chosen,
  top_logprobs: top,
}: Json): { text: string; row: TruncatedRow }[] {
  if (!Array.isArray(tokens) || !Array.isArray(chosen) || tokens.length !== chosen.length)
    throw malformed('`tokens` and `token_logprobs` are no lists of one length');
  return tokens.map((text: unknown, i) => {
    if (typeof text !== 'string') throw malformed('a token has no text');
    const listed: unknown = Array.isArray(top) ? (top[i] ?? {}) : {};
    if (!isObject(listed)) throw malformed('`top_logprobs` holds no object');
    const all = Object.entries(listed).map(([id, value]) => ({ id, logprob: logprob(value) }));
    return { text, row: rowOf({ id: text, logprob: logprob(chosen[i]) }, all) };
  });
}

function perplexityOf(confidences: readonly Estimate[]): Estimate {
  const mean = (of: (estimate: Estimate) => number): number =>
    Math.exp(-confidences.reduce((sum, estimate) => sum + Math.log(of(estimate)), 0) / confidences.length);
  if (confidences.every(({ kind }) => kind === 'exact'))
    return exactly(mean((estimate) => (estimate.kind === 'exact' ? estimate.value : Number.NaN)));
  return between(
    mean((estimate) => (estimate.kind === 'exact' ? estimate.value : estimate.upper)),
    mean((estimate) => (estimate.kind === 'exact' ? estimate.value : estimate.lower)),
  );
}

/**
 * Signals of what a hosted API tells of its tokens: `choices[i].logprobs` of an OpenAI-style chat completion
 * (`content`) or text completion (`tokens`, `token_logprobs`, `top_logprobs`). The token that an `echo` begins
 * with has no distribution: it is left out.
 * @param vocabulary tokens of the model, where it is known: bounds entropy from above
 * @throws SondeError `invalid_argument` for another shape, or numbers that no distribution has
 */
export function observeHosted(logprobs: unknown, vocabulary?: number): HostedSignals {
  if (!isObject(logprobs)) throw malformed('it is no object');
  const rows = Array.isArray(logprobs.content) ? chatRows(logprobs.content) : completionRows(logprobs);
  const told = rows.filter(({ row }) => row.chosen !== undefined || row.top.length > 0);
  const tokens = told.map(({ text, row }) => ({ text, ...observeTruncated(row, vocabulary) }));
  return { tokens, perplexity: perplexityOf(tokens.map(({ confidence }) => confidence)) };
}
