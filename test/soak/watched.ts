import { watchHoldings } from './holdings.ts';

// A module of its own: it is over before the worker's other imports begin.
watchHoldings();
