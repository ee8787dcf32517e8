import { coldOpen } from './page-cold.ts';
import { duel } from './page-decode.ts';
import { makeRequests } from './page-ingestion.ts';
import { peakMemory, runTimes, switchTimes } from './page-plans.ts';

/** What the benchmarks ask of a page. */
Object.assign(window, { coldOpen, duel, makeRequests, peakMemory, runTimes, switchTimes });
