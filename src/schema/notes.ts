import type { Notes } from './field.ts';
import type { ChunkIdentity } from './fields.ts';
import type { ExportIdentity, MetricKey } from './metrics.ts';
import type { RequestRecord, ServiceIdentity } from './record.ts';

/** What people are told of each field. Apart from the fields: no page has to load it. */

export const chunkNotes: Notes<ChunkIdentity> = {
  session: {
    privacy: 'pseudonymous',
    stability: 'stable',
    description: 'One page life; random.',
  },
  epoch: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Counts the workers of one session.',
  },
  seq: {
    privacy: 'operational',
    stability: 'stable',
    description:
      'Number of the first record here within session and epoch; records count from 0 without gaps.',
  },
};

export const serviceNotes: Notes<ServiceIdentity> = {
  name: {
    privacy: 'public',
    stability: 'stable',
    description: 'The application, as it names itself.',
  },
  version: {
    privacy: 'public',
    stability: 'stable',
    description: 'Version of the application.',
  },
  environment: {
    privacy: 'public',
    stability: 'stable',
    description: 'Such as prod or staging.',
  },
  owner: {
    privacy: 'public',
    stability: 'stable',
    description: 'The team to ask; a team name, not a person.',
  },
  consentVersion: {
    privacy: 'public',
    stability: 'experimental',
    description: 'Version of the text that people consented to, as the application names it.',
  },
};

export const recordNotes: Notes<RequestRecord> = {
  recordId: {
    privacy: 'operational',
    stability: 'stable',
    description: 'UUIDv7 of the record.',
  },
  traceId: {
    privacy: 'operational',
    stability: 'stable',
    description: "W3C trace id, from the application's traceparent or new.",
  },
  spanId: {
    privacy: 'operational',
    stability: 'stable',
    description: 'W3C span id of the request.',
  },
  requestId: {
    privacy: 'operational',
    stability: 'stable',
    description:
      "The application's name for the request, to join labels with; the record id where it gives none.",
  },
  operation: {
    privacy: 'operational',
    stability: 'stable',
    description:
      'What was asked of the model; `generate` and `embed` under the names the GenAI conventions give them.',
  },
  outcome: {
    privacy: 'operational',
    stability: 'stable',
    description: 'How it ended.',
  },
  errorCode: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Code of the SondeError; never its message.',
  },
  startedAt: {
    unit: 'ms since the epoch',
    privacy: 'operational',
    stability: 'stable',
    description: "Begin, by the client's clock.",
  },
  endedAt: {
    unit: 'ms since the epoch',
    privacy: 'operational',
    stability: 'stable',
    description: "End, by the client's clock.",
  },
  duration: {
    unit: 'ms',
    privacy: 'operational',
    stability: 'stable',
    description: 'Whole request, measured on the monotonic clock.',
  },
  timeToFirstToken: {
    unit: 'ms',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Until the first generated token.',
  },
  introspectionDuration: {
    unit: 'ms',
    privacy: 'operational',
    stability: 'experimental',
    description: "Time spent on taps and their summaries, outside the model's own forward.",
  },
  modelId: {
    privacy: 'public',
    stability: 'stable',
    description: 'Hub id `org/name`, or the last segment of the folder; `local` where it was neither.',
  },
  modelDigest: {
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 over the sorted list of (path, SHA-256) of every model file.',
  },
  tokenizerDigest: {
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 of the tokenizer.',
  },
  dtype: {
    privacy: 'public',
    stability: 'stable',
    description: 'Variant that ran, such as fp32 or q8.',
  },
  device: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Where the model ran.',
  },
  adapterVendor: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'GPUAdapterInfo.vendor.',
  },
  adapterArchitecture: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'GPUAdapterInfo.architecture.',
  },
  threads: {
    privacy: 'operational',
    stability: 'stable',
    description: 'WASM threads; 1 without cross-origin isolation.',
  },
  fallbacks: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Variants tried and rejected before this one.',
  },
  sondeVersion: {
    privacy: 'public',
    stability: 'stable',
    description: 'Version of Sonde.',
  },
  runtimeVersion: {
    privacy: 'public',
    stability: 'stable',
    description: 'Version of onnxruntime-web.',
  },
  planDigest: {
    privacy: 'public',
    stability: 'stable',
    description: 'SHA-256 of the canonical plan: what was tapped and edited in the graph.',
  },
  hooksCaptured: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Number of hooks captured for this request.',
  },
  inputDigest: {
    privacy: 'pseudonymous',
    stability: 'stable',
    description:
      'First 128 bits of HMAC-SHA-256 (RFC 2104, 5) of the input under a key that never leaves the install; absent where storage is blocked.',
  },
  inputKeyId: {
    privacy: 'pseudonymous',
    stability: 'stable',
    description: 'Which key made the input digest; rotated every 30 days.',
  },
  inputTokens: {
    unit: 'tokens',
    privacy: 'operational',
    stability: 'stable',
    description: 'Tokens of the input after truncation.',
  },
  outputTokens: {
    unit: 'tokens',
    privacy: 'operational',
    stability: 'stable',
    description: 'Tokens generated.',
  },
  truncated: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Whether the input was cut to the context length.',
  },
  inputOrigin: {
    privacy: 'operational',
    stability: 'stable',
    description: 'How the input came about, as declared.',
  },
  templateVersion: {
    privacy: 'public',
    stability: 'experimental',
    description: 'Version of the prompt or template, as the application names it.',
  },
  editsSincePaste: {
    unit: 'edits',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Edits between the last paste and the request, as the application counted them.',
  },
  retrievedPassages: {
    unit: 'passages',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Passages that the application retrieved and put into the input.',
  },
  retrievedDigest: {
    privacy: 'pseudonymous',
    stability: 'experimental',
    description:
      'HMAC-SHA-256 of those passages in their order, under the key of the input digest; its first 128 bits.',
  },
  inputMissing: {
    unit: 'fields',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Fields of the input that were declared as required and are not there.',
  },
  inputExtra: {
    unit: 'fields',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Fields of the input that were not declared.',
  },
  inputOutOfRange: {
    unit: 'fields',
    privacy: 'operational',
    stability: 'experimental',
    description: 'Fields of the input outside of their declared range.',
  },
  cohort: {
    privacy: 'operational',
    stability: 'stable',
    description: "The application's group of requests, such as an experiment arm; not a person.",
  },
  flow: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'What the request was for, as the application names it.',
  },
  critical: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Whether the application wants every request of the flow looked into.',
  },
  suspicious: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Whether the application found it out of distribution, or a drift alarm stood.',
  },
  inclusionProbability: {
    privacy: 'operational',
    stability: 'stable',
    description:
      'Probability with which a record like this one is kept; exact, so that weights are unbiased.',
  },
  signalProbability: {
    privacy: 'public',
    stability: 'experimental',
    description:
      'Probability with which the signal on this record is told; exact, so that weights are unbiased. Absent on detailed records, and where none is told.',
  },
  inputText: {
    privacy: 'content',
    stability: 'experimental',
    description:
      'What was written, only where the application opted in with `telemetry.text` and after consent: in NFKC, without what the detectors found, up to 2,000 UTF-16 units. Names and addresses may be left in it.',
  },
  outputText: {
    privacy: 'content',
    stability: 'experimental',
    description: 'What the model generated, under the same conditions.',
  },
  outputDigest: {
    privacy: 'pseudonymous',
    stability: 'experimental',
    description:
      "HMAC-SHA-256 of what the model generated under this install's key of the month, first 128 bits; only where the application asked for it.",
  },
  epsilon: {
    privacy: 'public',
    stability: 'experimental',
    description:
      'Local differential privacy of the record, where the application asked for it: signals, counts and times are then answers at random.',
  },
  confidenceMean: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean probability of the chosen token or class over the request.',
  },
  confidenceMin: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Least probability of a chosen token or class.',
  },
  entropyMean: {
    unit: 'nats',
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean entropy of the distribution over the full vocabulary.',
  },
  entropyMax: {
    unit: 'nats',
    privacy: 'operational',
    stability: 'stable',
    description: 'Greatest entropy within the request.',
  },
  marginMean: {
    privacy: 'operational',
    stability: 'stable',
    description: 'Mean of p(first) - p(second).',
  },
};

export const exportNotes: Notes<ExportIdentity> = {
  ...chunkNotes,
  count: {
    privacy: 'operational',
    stability: 'stable',
    description: 'How many measurements are added up here.',
  },
};

export const metricNotes: Readonly<Record<MetricKey, string>> = {
  requests: 'Requests that ended.',
  introspected: 'M6. Requests of which something inside the model was captured.',
  duration: 'Whole request.',
  introspection: 'M7. Time a request spent on looking inside.',
  metadataMissing:
    'How many of cohort, flow, service version, environment and owner the records of requests lack.',
  entropy: 'Entropy over the full vocabulary: the mean of a request, once for each of its tokens.',
  confidence: 'Probability of the chosen token or class: the mean of a request, once for each of its tokens.',
  deviation:
    'Largest error of any hook on a device at a load, whether it was taken or refused: max|a - b| / max|b| against WASM.',
  driftConfidence:
    "M4. Requests of a full window by the tenth of the baseline's confidences that they lie in: even where nothing drifted. Only of windows of 50 requests or more, and not under an epsilon.",
  driftEntropy:
    "M4. Requests of a full window by the tenth of the baseline's entropies that they lie in: even where nothing drifted. Only of windows of 50 requests or more, and not under an epsilon.",
  driftMargin:
    "M4. Requests of a full window by the tenth of the baseline's margins that they lie in: even where nothing drifted. Only of windows of 50 requests or more, and not under an epsilon.",
  driftLength:
    "M4. Requests of a full window by the tenth of the baseline's lengths that they lie in: even where nothing drifted. Only of windows of 50 requests or more, and not under an epsilon.",
  driftEmbedding:
    "M3. Distance of a window's embeddings from the baseline's, between the centroids, in units of the model's threshold; to 0.05. Only of windows of 50 requests or more, and not under an epsilon.",
};
