import { SondeArchitecture } from './architecture.ts';
import { SondeAttention } from './attention.ts';
import { SondeAttentionMap } from './attention-map.ts';
import { SondeAttentionOverview } from './attention-overview.ts';
import { SondeBadge } from './badge.ts';
import { SondeCalibrate } from './calibrate.ts';
import { SondeClasses } from './classes.ts';
import { SondeDrift } from './drift.ts';
import { SondeEntropy } from './entropy.ts';
import { SondeExplain } from './explain.ts';
import { SondeFidelity } from './fidelity.ts';
import { SondeGraph } from './graph.ts';
import { SondeGraphList } from './graph-list.ts';
import { SondeGraphNeighbours } from './graph-neighbours.ts';
import { SondeGraphOverview } from './graph-overview.ts';
import { SondeHookDetail } from './hook-detail.ts';
import { SondeLayers } from './layers.ts';
import { SondeLedger } from './ledger.ts';
import { SondeNotice } from './notice.ts';
import { SondePayload } from './payload.ts';
import { SondeProgress } from './progress.ts';
import { SondeProvenance } from './provenance.ts';
import { SondeRecordDiff } from './record-diff.ts';
import { SondeReliability } from './reliability.ts';
import { SondeReplay } from './replay.ts';
import { SondeResidual } from './residual.ts';
import { SondeTelemetry } from './telemetry.ts';
import { SondeTokenDetail } from './token-detail.ts';
import { SondeTokens } from './tokens.ts';

const elements = {
  'sonde-architecture': SondeArchitecture,
  'sonde-hook-detail': SondeHookDetail,
  'sonde-graph': SondeGraph,
  'sonde-graph-list': SondeGraphList,
  'sonde-graph-overview': SondeGraphOverview,
  'sonde-graph-neighbours': SondeGraphNeighbours,
  'sonde-attention': SondeAttention,
  'sonde-attention-map': SondeAttentionMap,
  'sonde-attention-overview': SondeAttentionOverview,
  'sonde-badge': SondeBadge,
  'sonde-calibrate': SondeCalibrate,
  'sonde-classes': SondeClasses,
  'sonde-drift': SondeDrift,
  'sonde-entropy': SondeEntropy,
  'sonde-explain': SondeExplain,
  'sonde-fidelity': SondeFidelity,
  'sonde-layers': SondeLayers,
  'sonde-ledger': SondeLedger,
  'sonde-notice': SondeNotice,
  'sonde-payload': SondePayload,
  'sonde-progress': SondeProgress,
  'sonde-provenance': SondeProvenance,
  'sonde-record-diff': SondeRecordDiff,
  'sonde-reliability': SondeReliability,
  'sonde-replay': SondeReplay,
  'sonde-residual': SondeResidual,
  'sonde-telemetry': SondeTelemetry,
  'sonde-token-detail': SondeTokenDetail,
  'sonde-tokens': SondeTokens,
} as const;

type Elements = { [Tag in keyof typeof elements]: InstanceType<(typeof elements)[Tag]> };

declare global {
  interface HTMLElementTagNameMap extends Elements {}
}

/** Registers every element under its `sonde-` tag. Twice is harmless; a tag taken by someone else is left alone. */
export function defineElements(registry: CustomElementRegistry = customElements): void {
  for (const [tag, element] of Object.entries(elements))
    if (!registry.get(tag)) registry.define(tag, element);
}
