import type { ErrorCode } from '../shared/errors.ts';
import {
  choice,
  chosenText,
  duration,
  exact,
  type FieldTable,
  flag,
  grid,
  instant,
  text,
  whole,
} from './field.ts';
import type { RequestRecord, ServiceIdentity } from './record.ts';

/** Raised when a field changes meaning or leaves. The collector accepts this version and the one before. */
export const schemaVersion = 1;
export const eventName = 'sonde.request';
/** An identifier, not an address: `.invalid` is reserved and never resolves (RFC 2606). */
export const schemaUrl = (version: number): string => `https://sonde.invalid/schemas/${version}.0.0`;

/**
 * Which records of a page life a part of a body holds. Sequence numbers count records: `seq` is the first
 * record's, the part's n records have seq ... seq + n - 1. So a record is recognised however chunks are cut
 * (a page's exit beacons a tail that its worker may seal again, longer): the collector stores each number
 * once and answers with the ranges of numbers it has.
 */
export interface ChunkIdentity {
  /** Random, new for each page life. */
  readonly session: string;
  /** Counts the workers of one session: a restarted worker numbers its chunks from 0 again. */
  readonly epoch: number;
  readonly seq: number;
}

const uuid7 = text(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const sha256 = text(/^[0-9a-f]{64}$/);
const version = text(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/);
const word = text(/^[a-z0-9][a-z0-9._-]{0,63}$/);
const identifier = chosenText(/^[A-Za-z0-9_.:-]{1,64}$/);
/** Steps of 0.005: 201 values. */
const probability = grid(0, 1, 200);
/** Steps of 0.05 nats: 256 values; ln(vocabulary) is below 12.75 up to 344,000 tokens. */
const entropy = grid(0, 12.75, 20);
const tokens = whole(0, 10_000_000);
const counter = whole(0, 10_000_000);

const errorCodes: Readonly<Record<ErrorCode, ErrorCode>> = {
  aborted: 'aborted',
  capture_too_large: 'capture_too_large',
  context_overflow: 'context_overflow',
  device_lost: 'device_lost',
  disposed: 'disposed',
  empty_input: 'empty_input',
  file_not_found: 'file_not_found',
  graph_unsupported: 'graph_unsupported',
  hook_unavailable: 'hook_unavailable',
  hook_unknown: 'hook_unknown',
  invalid_argument: 'invalid_argument',
  invalid_plan: 'invalid_plan',
  model_invalid: 'model_invalid',
  model_not_found: 'model_not_found',
  network: 'network',
  no_browser: 'no_browser',
  no_device: 'no_device',
  out_of_memory: 'out_of_memory',
  run_failed: 'run_failed',
  second_runtime: 'second_runtime',
  storage_blocked: 'storage_blocked',
  tokenizer_mismatch: 'tokenizer_mismatch',
  version_mismatch: 'version_mismatch',
  worker_failed: 'worker_failed',
  wrong_task: 'wrong_task',
};

export const chunkFields = {
  session: {
    wire: 'sonde.session',
    carrier: 'scope',
    spec: text(/^[A-Za-z0-9_-]{16,64}$/),
    required: true,
    privacy: 'pseudonymous',
    stability: 'stable',
    description: 'One page life; random.',
  },
  epoch: {
    wire: 'sonde.epoch',
    carrier: 'scope',
    spec: counter,
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'Counts the workers of one session.',
  },
  seq: {
    wire: 'sonde.seq',
    carrier: 'scope',
    spec: counter,
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description:
      'Number of the first record here within session and epoch; records count from 0 without gaps.',
  },
} as const satisfies FieldTable<ChunkIdentity>;

export const serviceFields = {
  name: {
    wire: 'service.name',
    carrier: 'resource',
    spec: identifier,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'The application, as it names itself.',
  },
  version: {
    wire: 'service.version',
    carrier: 'resource',
    spec: chosenText(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/),
    required: false,
    privacy: 'public',
    stability: 'stable',
    description: 'Version of the application.',
  },
  environment: {
    wire: 'deployment.environment.name',
    carrier: 'resource',
    spec: identifier,
    required: false,
    privacy: 'public',
    stability: 'stable',
    description: 'Such as prod or staging.',
  },
  owner: {
    wire: 'sonde.service.owner',
    carrier: 'resource',
    spec: identifier,
    required: false,
    privacy: 'public',
    stability: 'stable',
    description: 'The team to ask; a team name, not a person.',
  },
} as const satisfies FieldTable<ServiceIdentity>;

/** Every field a request record can carry. What is not in this table does not leave the page. */
export const recordFields = {
  recordId: {
    wire: 'sonde.record.id',
    carrier: 'attribute',
    spec: uuid7,
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'UUIDv7 of the record.',
  },
  traceId: {
    wire: 'traceId',
    carrier: 'native',
    spec: text(/^(?!0{32})[0-9a-f]{32}$/),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: "W3C trace id, from the application's traceparent or new.",
  },
  spanId: {
    wire: 'spanId',
    carrier: 'native',
    spec: text(/^(?!0{16})[0-9a-f]{16}$/),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'W3C span id of the request.',
  },
  requestId: {
    wire: 'sonde.request.id',
    carrier: 'attribute',
    spec: identifier,
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description:
      "The application's name for the request, to join labels with; the record id where it gives none.",
  },
  operation: {
    wire: 'gen_ai.operation.name',
    carrier: 'attribute',
    spec: choice({
      generate: 'text_completion',
      classify: 'classify',
      embed: 'embeddings',
      capture: 'capture',
    }),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description:
      'What was asked of the model; `generate` and `embed` under the names the GenAI conventions give them.',
  },
  outcome: {
    wire: 'sonde.request.outcome',
    carrier: 'attribute',
    spec: choice({ ok: 'ok', aborted: 'aborted', error: 'error' }),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'How it ended.',
  },
  errorCode: {
    wire: 'error.type',
    carrier: 'attribute',
    spec: choice(errorCodes),
    required: false,
    privacy: 'operational',
    stability: 'stable',
    description: 'Code of the SondeError; never its message.',
  },
  startedAt: {
    wire: 'timeUnixNano',
    carrier: 'native',
    spec: instant,
    required: true,
    unit: 'ms since the epoch',
    privacy: 'operational',
    stability: 'stable',
    description: "Begin, by the client's clock.",
  },
  endedAt: {
    wire: 'observedTimeUnixNano',
    carrier: 'native',
    spec: instant,
    required: true,
    unit: 'ms since the epoch',
    privacy: 'operational',
    stability: 'stable',
    description: "End, by the client's clock.",
  },
  duration: {
    wire: 'sonde.request.duration',
    carrier: 'attribute',
    spec: duration,
    required: true,
    unit: 'ms',
    privacy: 'operational',
    stability: 'stable',
    description: 'Whole request, measured on the monotonic clock.',
  },
  timeToFirstToken: {
    wire: 'gen_ai.response.time_to_first_chunk',
    carrier: 'attribute',
    spec: duration,
    required: false,
    unit: 'ms',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Until the first generated token.',
  },
  introspectionDuration: {
    wire: 'sonde.introspection.duration',
    carrier: 'attribute',
    spec: duration,
    required: false,
    unit: 'ms',
    privacy: 'operational',
    stability: 'experimental',
    description: "Time spent on taps and their summaries, outside the model's own forward.",
  },
  modelId: {
    wire: 'gen_ai.request.model',
    carrier: 'resource',
    spec: chosenText(/^(?:[A-Za-z0-9][\w.-]{0,63}\/)?[A-Za-z0-9][\w.-]{0,95}$/),
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'Hub id `org/name`, or the last segment of the folder; `local` where it was neither.',
  },
  modelDigest: {
    wire: 'sonde.model.digest',
    carrier: 'resource',
    spec: sha256,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 over the sorted list of (path, SHA-256) of every model file.',
  },
  tokenizerDigest: {
    wire: 'sonde.tokenizer.digest',
    carrier: 'resource',
    spec: sha256,
    required: false,
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 of the tokenizer.',
  },
  dtype: {
    wire: 'sonde.model.dtype',
    carrier: 'resource',
    spec: word,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'Variant that ran, such as fp32 or q8.',
  },
  device: {
    wire: 'sonde.device.kind',
    carrier: 'resource',
    spec: choice({ webgpu: 'webgpu', wasm: 'wasm' }),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'Where the model ran.',
  },
  adapterVendor: {
    wire: 'sonde.device.adapter.vendor',
    carrier: 'resource',
    spec: word,
    required: false,
    privacy: 'operational',
    stability: 'experimental',
    description: 'GPUAdapterInfo.vendor.',
  },
  adapterArchitecture: {
    wire: 'sonde.device.adapter.architecture',
    carrier: 'resource',
    spec: word,
    required: false,
    privacy: 'operational',
    stability: 'experimental',
    description: 'GPUAdapterInfo.architecture.',
  },
  threads: {
    wire: 'sonde.device.threads',
    carrier: 'resource',
    spec: whole(0, 256),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'WASM threads; 1 without cross-origin isolation.',
  },
  fallbacks: {
    wire: 'sonde.device.fallbacks',
    carrier: 'resource',
    spec: whole(0, 64),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'Variants tried and rejected before this one.',
  },
  sondeVersion: {
    wire: 'telemetry.sdk.version',
    carrier: 'resource',
    spec: version,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'Version of Sonde.',
  },
  runtimeVersion: {
    wire: 'sonde.runtime.version',
    carrier: 'resource',
    spec: version,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'Version of onnxruntime-web.',
  },
  planDigest: {
    wire: 'sonde.plan.digest',
    carrier: 'resource',
    spec: sha256,
    required: true,
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 of the canonical plan: what was tapped and edited in the graph.',
  },
  hooksCaptured: {
    wire: 'sonde.hooks.captured',
    carrier: 'resource',
    spec: whole(0, 1_000_000),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'Number of hooks captured for this request.',
  },
  inputDigest: {
    wire: 'sonde.input.digest',
    carrier: 'attribute',
    spec: text(/^[0-9a-f]{32}$/),
    required: false,
    privacy: 'pseudonymous',
    stability: 'stable',
    description:
      'First 128 bits of HMAC-SHA-256 (RFC 2104, 5) of the input under a key that never leaves the install; absent where storage is blocked.',
  },
  inputKeyId: {
    wire: 'sonde.input.key_id',
    carrier: 'resource',
    spec: text(/^[A-Za-z0-9_-]{4,64}$/),
    required: false,
    privacy: 'pseudonymous',
    stability: 'stable',
    description: 'Which key made the input digest; rotated every 30 days.',
  },
  inputTokens: {
    wire: 'gen_ai.usage.input_tokens',
    carrier: 'attribute',
    spec: tokens,
    required: true,
    unit: 'tokens',
    privacy: 'operational',
    stability: 'stable',
    description: 'Tokens of the input after truncation.',
  },
  outputTokens: {
    wire: 'gen_ai.usage.output_tokens',
    carrier: 'attribute',
    spec: tokens,
    required: true,
    unit: 'tokens',
    privacy: 'operational',
    stability: 'stable',
    description: 'Tokens generated.',
  },
  truncated: {
    wire: 'sonde.input.truncated',
    carrier: 'attribute',
    spec: flag,
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'Whether the input was cut to the context length.',
  },
  inputOrigin: {
    wire: 'sonde.input.origin',
    carrier: 'attribute',
    spec: choice({ typed: 'typed', pasted: 'pasted', example: 'example', programmatic: 'programmatic' }),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description: 'How the input came about, as declared.',
  },
  cohort: {
    wire: 'sonde.cohort',
    carrier: 'attribute',
    spec: identifier,
    required: false,
    privacy: 'operational',
    stability: 'stable',
    description: "The application's group of requests, such as an experiment arm; not a person.",
  },
  suspicious: {
    wire: 'sonde.input.suspicious',
    carrier: 'attribute',
    spec: flag,
    required: false,
    privacy: 'operational',
    stability: 'experimental',
    description: 'Whether the application found it out of distribution, or a drift alarm stood.',
  },
  inclusionProbability: {
    wire: 'sonde.sampling.inclusion_probability',
    carrier: 'attribute',
    spec: exact(1),
    required: true,
    privacy: 'operational',
    stability: 'stable',
    description:
      'Probability with which a record like this one is kept; exact, so that weights are unbiased.',
  },
  epsilon: {
    wire: 'sonde.privacy.epsilon',
    carrier: 'attribute',
    spec: exact(100),
    required: false,
    privacy: 'public',
    stability: 'experimental',
    description:
      'Local differential privacy of the record, where the application asked for it: signals, counts and times are then answers at random.',
  },
  confidenceMean: {
    wire: 'sonde.confidence.mean',
    carrier: 'attribute',
    spec: probability,
    required: false,
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean probability of the chosen token or class over the request.',
  },
  confidenceMin: {
    wire: 'sonde.confidence.min',
    carrier: 'attribute',
    spec: probability,
    required: false,
    privacy: 'operational',
    stability: 'stable',
    description: 'Least probability of a chosen token or class.',
  },
  entropyMean: {
    wire: 'sonde.entropy.mean',
    carrier: 'attribute',
    spec: entropy,
    required: false,
    unit: 'nats',
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean entropy of the distribution over the full vocabulary.',
  },
  entropyMax: {
    wire: 'sonde.entropy.max',
    carrier: 'attribute',
    spec: entropy,
    required: false,
    unit: 'nats',
    privacy: 'operational',
    stability: 'stable',
    description: 'Greatest entropy within the request.',
  },
  marginMean: {
    wire: 'sonde.margin.mean',
    carrier: 'attribute',
    spec: probability,
    required: false,
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean of p(first) - p(second).',
  },
} as const satisfies FieldTable<RequestRecord>;

export type RecordField = keyof typeof recordFields;
