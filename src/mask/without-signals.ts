import type { FullRecord, RequestRecord } from '../schema/record.ts';

/** What is left where nothing that follows from the input is told; of times the whole one, which a record must have. */
export function withoutSignals(record: FullRecord): RequestRecord {
  const {
    confidenceMean: _confidence,
    confidenceMin: _min,
    entropyMean: _entropy,
    entropyMax: _max,
    marginMean: _margin,
    inputTokens: _inputTokens,
    outputTokens: _outputTokens,
    truncated: _truncated,
    timeToFirstToken: _first,
    introspectionDuration: _introspection,
    ...rest
  } = record;
  return rest;
}
