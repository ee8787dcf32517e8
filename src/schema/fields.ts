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
const few = whole(0, 1000);

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
  },
  epoch: {
    wire: 'sonde.epoch',
    carrier: 'scope',
    spec: counter,
    required: true,
  },
  seq: {
    wire: 'sonde.seq',
    carrier: 'scope',
    spec: counter,
    required: true,
  },
} as const satisfies FieldTable<ChunkIdentity>;

export const serviceFields = {
  name: {
    wire: 'service.name',
    carrier: 'resource',
    spec: identifier,
    required: true,
  },
  version: {
    wire: 'service.version',
    carrier: 'resource',
    spec: chosenText(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/),
    required: false,
  },
  environment: {
    wire: 'deployment.environment.name',
    carrier: 'resource',
    spec: identifier,
    required: false,
  },
  owner: {
    wire: 'sonde.service.owner',
    carrier: 'resource',
    spec: identifier,
    required: false,
  },
} as const satisfies FieldTable<ServiceIdentity>;

/** Every field a request record can carry. What is not in this table does not leave the page. */
export const recordFields = {
  recordId: {
    wire: 'sonde.record.id',
    carrier: 'attribute',
    spec: uuid7,
    required: true,
  },
  traceId: {
    wire: 'traceId',
    carrier: 'native',
    spec: text(/^(?!0{32})[0-9a-f]{32}$/),
    required: true,
  },
  spanId: {
    wire: 'spanId',
    carrier: 'native',
    spec: text(/^(?!0{16})[0-9a-f]{16}$/),
    required: true,
  },
  requestId: {
    wire: 'sonde.request.id',
    carrier: 'attribute',
    spec: identifier,
    required: true,
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
  },
  outcome: {
    wire: 'sonde.request.outcome',
    carrier: 'attribute',
    spec: choice({ ok: 'ok', aborted: 'aborted', error: 'error' }),
    required: true,
  },
  errorCode: {
    wire: 'error.type',
    carrier: 'attribute',
    spec: choice(errorCodes),
    required: false,
  },
  startedAt: {
    wire: 'timeUnixNano',
    carrier: 'native',
    spec: instant,
    required: true,
  },
  endedAt: {
    wire: 'observedTimeUnixNano',
    carrier: 'native',
    spec: instant,
    required: true,
  },
  duration: {
    wire: 'sonde.request.duration',
    carrier: 'attribute',
    spec: duration,
    required: true,
  },
  timeToFirstToken: {
    wire: 'gen_ai.response.time_to_first_chunk',
    carrier: 'attribute',
    spec: duration,
    required: false,
  },
  introspectionDuration: {
    wire: 'sonde.introspection.duration',
    carrier: 'attribute',
    spec: duration,
    required: false,
  },
  modelId: {
    wire: 'gen_ai.request.model',
    carrier: 'resource',
    spec: chosenText(/^(?:[A-Za-z0-9][\w.-]{0,63}\/)?[A-Za-z0-9][\w.-]{0,95}$/),
    required: true,
  },
  modelDigest: {
    wire: 'sonde.model.digest',
    carrier: 'resource',
    spec: sha256,
    required: true,
  },
  tokenizerDigest: {
    wire: 'sonde.tokenizer.digest',
    carrier: 'resource',
    spec: sha256,
    required: false,
  },
  dtype: {
    wire: 'sonde.model.dtype',
    carrier: 'resource',
    spec: word,
    required: true,
  },
  device: {
    wire: 'sonde.device.kind',
    carrier: 'resource',
    spec: choice({ webgpu: 'webgpu', wasm: 'wasm' }),
    required: true,
  },
  adapterVendor: {
    wire: 'sonde.device.adapter.vendor',
    carrier: 'resource',
    spec: word,
    required: false,
  },
  adapterArchitecture: {
    wire: 'sonde.device.adapter.architecture',
    carrier: 'resource',
    spec: word,
    required: false,
  },
  threads: {
    wire: 'sonde.device.threads',
    carrier: 'resource',
    spec: whole(0, 256),
    required: true,
  },
  fallbacks: {
    wire: 'sonde.device.fallbacks',
    carrier: 'resource',
    spec: whole(0, 64),
    required: true,
  },
  sondeVersion: {
    wire: 'telemetry.sdk.version',
    carrier: 'resource',
    spec: version,
    required: true,
  },
  runtimeVersion: {
    wire: 'sonde.runtime.version',
    carrier: 'resource',
    spec: version,
    required: true,
  },
  planDigest: {
    wire: 'sonde.plan.digest',
    carrier: 'resource',
    spec: sha256,
    required: true,
  },
  hooksCaptured: {
    wire: 'sonde.hooks.captured',
    carrier: 'resource',
    spec: whole(0, 1_000_000),
    required: true,
  },
  inputDigest: {
    wire: 'sonde.input.digest',
    carrier: 'attribute',
    spec: text(/^[0-9a-f]{32}$/),
    required: false,
  },
  inputKeyId: {
    wire: 'sonde.input.key_id',
    carrier: 'resource',
    spec: text(/^[A-Za-z0-9_-]{4,64}$/),
    required: false,
  },
  inputTokens: {
    wire: 'gen_ai.usage.input_tokens',
    carrier: 'attribute',
    spec: tokens,
    required: true,
  },
  outputTokens: {
    wire: 'gen_ai.usage.output_tokens',
    carrier: 'attribute',
    spec: tokens,
    required: true,
  },
  truncated: {
    wire: 'sonde.input.truncated',
    carrier: 'attribute',
    spec: flag,
    required: true,
  },
  inputOrigin: {
    wire: 'sonde.input.origin',
    carrier: 'attribute',
    spec: choice({ typed: 'typed', pasted: 'pasted', example: 'example', programmatic: 'programmatic' }),
    required: true,
  },
  templateVersion: {
    wire: 'sonde.template.version',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  editsSincePaste: {
    wire: 'sonde.input.edits_since_paste',
    carrier: 'attribute',
    spec: few,
    required: false,
  },
  inputMissing: {
    wire: 'sonde.input.missing',
    carrier: 'attribute',
    spec: few,
    required: false,
  },
  inputExtra: {
    wire: 'sonde.input.extra',
    carrier: 'attribute',
    spec: few,
    required: false,
  },
  inputOutOfRange: {
    wire: 'sonde.input.out_of_range',
    carrier: 'attribute',
    spec: few,
    required: false,
  },
  cohort: {
    wire: 'sonde.cohort',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  flow: {
    wire: 'sonde.flow',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  critical: {
    wire: 'sonde.flow.critical',
    carrier: 'attribute',
    spec: flag,
    required: false,
  },
  suspicious: {
    wire: 'sonde.input.suspicious',
    carrier: 'attribute',
    spec: flag,
    required: false,
  },
  inclusionProbability: {
    wire: 'sonde.sampling.inclusion_probability',
    carrier: 'attribute',
    spec: exact(1),
    required: true,
  },
  epsilon: {
    wire: 'sonde.privacy.epsilon',
    carrier: 'attribute',
    spec: exact(100),
    required: false,
  },
  confidenceMean: {
    wire: 'sonde.confidence.mean',
    carrier: 'attribute',
    spec: probability,
    required: false,
  },
  confidenceMin: {
    wire: 'sonde.confidence.min',
    carrier: 'attribute',
    spec: probability,
    required: false,
  },
  entropyMean: {
    wire: 'sonde.entropy.mean',
    carrier: 'attribute',
    spec: entropy,
    required: false,
  },
  entropyMax: {
    wire: 'sonde.entropy.max',
    carrier: 'attribute',
    spec: entropy,
    required: false,
  },
  marginMean: {
    wire: 'sonde.margin.mean',
    carrier: 'attribute',
    spec: probability,
    required: false,
  },
} as const satisfies FieldTable<RequestRecord>;

export type RecordField = keyof typeof recordFields;
