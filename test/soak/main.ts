import { soak } from './soak.ts';

// Here, and not behind the loading: once that is done, Vite loads nothing more, no optional package either.
await soak(process.argv.slice(2));
