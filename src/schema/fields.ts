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
  optional,
  prose,
  required,
  text,
  whole,
  words,
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
const digest128 = text(/^[0-9a-f]{32}$/);
const version = text(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/);
const word = text(/^[a-z0-9][a-z0-9._-]{0,63}$/);
export const identifier = chosenText(/^[A-Za-z0-9_.:-]{1,64}$/);
/** Steps of 0.005: 201 values. */
const probability = grid(0, 1, 200);
/** Steps of 0.05 nats: 256 values; ln(vocabulary) is below 12.75 up to 344,000 tokens. */
const entropy = grid(0, 12.75, 20);
const counter = whole(0, 10_000_000);
const few = whole(0, 1000);

const errorCodes = [
  'aborted',
  'capture_too_large',
  'context_overflow',
  'device_lost',
  'disposed',
  'empty_input',
  'file_not_found',
  'graph_unsupported',
  'hook_unavailable',
  'hook_unknown',
  'invalid_argument',
  'invalid_plan',
  'model_invalid',
  'model_not_found',
  'network',
  'no_browser',
  'no_device',
  'out_of_memory',
  'run_failed',
  'second_runtime',
  'storage_blocked',
  'tokenizer_mismatch',
  'version_mismatch',
  'worker_failed',
  'wrong_task',
] as const satisfies readonly ErrorCode[];

export const chunkFields = {
  session: required('sonde.session', text(/^[A-Za-z0-9_-]{16,64}$/), 'scope'),
  epoch: required('sonde.epoch', counter, 'scope'),
  seq: required('sonde.seq', counter, 'scope'),
} as const satisfies FieldTable<ChunkIdentity>;

export const serviceFields = {
  name: required('service.name', identifier, 'resource'),
  version: optional('service.version', chosenText(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/), 'resource'),
  environment: optional('deployment.environment.name', identifier, 'resource'),
  owner: optional('sonde.service.owner', identifier, 'resource'),
  consentVersion: optional('sonde.consent.version', identifier, 'resource'),
} as const satisfies FieldTable<ServiceIdentity>;

/** Every field a request record can carry. What is not in this table does not leave the page. */
export const recordFields = {
  recordId: required('sonde.record.id', uuid7),
  traceId: required('traceId', text(/^(?!0{32})[0-9a-f]{32}$/), 'native'),
  spanId: required('spanId', text(/^(?!0{16})[0-9a-f]{16}$/), 'native'),
  requestId: required('sonde.request.id', identifier),
  operation: required(
    'gen_ai.operation.name',
    choice({ generate: 'text_completion', classify: 'classify', embed: 'embeddings', capture: 'capture' }),
  ),
  outcome: required('sonde.request.outcome', words('ok', 'aborted', 'error')),
  errorCode: optional('error.type', words(...errorCodes)),
  startedAt: required('timeUnixNano', instant, 'native'),
  endedAt: required('observedTimeUnixNano', instant, 'native'),
  duration: required('sonde.request.duration', duration),
  timeToFirstToken: optional('gen_ai.response.time_to_first_chunk', duration),
  introspectionDuration: optional('sonde.introspection.duration', duration),
  modelId: required(
    'gen_ai.request.model',
    chosenText(/^(?:[A-Za-z0-9][\w.-]{0,63}\/)?[A-Za-z0-9][\w.-]{0,95}$/),
    'resource',
  ),
  modelDigest: required('sonde.model.digest', sha256, 'resource'),
  tokenizerDigest: optional('sonde.tokenizer.digest', sha256, 'resource'),
  dtype: required('sonde.model.dtype', word, 'resource'),
  device: required('sonde.device.kind', words('webgpu', 'wasm'), 'resource'),
  adapterVendor: optional('sonde.device.adapter.vendor', word, 'resource'),
  adapterArchitecture: optional('sonde.device.adapter.architecture', word, 'resource'),
  threads: required('sonde.device.threads', whole(0, 256), 'resource'),
  fallbacks: required('sonde.device.fallbacks', whole(0, 64), 'resource'),
  sondeVersion: required('telemetry.sdk.version', version, 'resource'),
  runtimeVersion: required('sonde.runtime.version', version, 'resource'),
  planDigest: required('sonde.plan.digest', sha256, 'resource'),
  hooksCaptured: required('sonde.hooks.captured', whole(0, 1_000_000), 'resource'),
  inputDigest: optional('sonde.input.digest', digest128),
  inputKeyId: optional('sonde.input.key_id', text(/^[A-Za-z0-9_-]{4,64}$/), 'resource'),
  inputTokens: optional('gen_ai.usage.input_tokens', counter),
  outputTokens: optional('gen_ai.usage.output_tokens', counter),
  truncated: optional('sonde.input.truncated', flag),
  inputOrigin: required('sonde.input.origin', words('typed', 'pasted', 'example', 'programmatic')),
  templateVersion: optional('sonde.template.version', identifier),
  editsSincePaste: optional('sonde.input.edits_since_paste', few),
  retrievedPassages: optional('sonde.retrieved.passages', few),
  retrievedDigest: optional('sonde.retrieved.digest', digest128),
  inputMissing: optional('sonde.input.missing', few),
  inputExtra: optional('sonde.input.extra', few),
  inputOutOfRange: optional('sonde.input.out_of_range', few),
  cohort: optional('sonde.cohort', identifier),
  flow: optional('sonde.flow', identifier),
  critical: optional('sonde.flow.critical', flag),
  suspicious: optional('sonde.input.suspicious', flag),
  inclusionProbability: required('sonde.sampling.inclusion_probability', exact(1)),
  signalProbability: optional('sonde.sampling.signal_probability', exact(1)),
  epsilon: optional('sonde.privacy.epsilon', exact(100)),
  confidenceMean: optional('sonde.confidence.mean', probability),
  confidenceMin: optional('sonde.confidence.min', probability),
  entropyMean: optional('sonde.entropy.mean', entropy),
  entropyMax: optional('sonde.entropy.max', entropy),
  marginMean: optional('sonde.margin.mean', probability),
  inputText: optional('sonde.input.text', prose(2000)),
  outputText: optional('sonde.output.text', prose(2000)),
  outputDigest: optional('sonde.output.digest', digest128),
} as const satisfies FieldTable<RequestRecord>;

export type RecordField = keyof typeof recordFields;
