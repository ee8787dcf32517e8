export const legend = `What of the same records is stored after the next visit, by the SDK that carried them. A cell reads: percent of the records that were more than 250 ms old when their page or worker ended / percent of those made in the last second / how often a record was stored again after its server had removed what it recognises. Percentages are never rounded up. "Tier 0" says the same of the requests that Sonde's metrics count, of which none is sampled.`;

export const notes = `How it is measured:

- One page and one browser for all, side by side: each SDK has an origin of its own (so a process and a storage of its own) and a tab in the same real Chromium with a fresh profile. The records are born in a worker, 40 a second, 34 fields each. Sonde's worker half takes them there; the others live on the page, as their documentation has them, and get each by \`postMessage\`.
- All send across origins to one fault server on this machine that allows the page's origin with credentials. What passes the fault goes on to Sonde's real collector, or, for the others, is answered as stored; their records are found by id, whatever the format.
- "Navigate" makes its records at once and leaves 300 ms later, one SDK after the other. "Reload loop" loads the page anew ten times after 0.7 s. "Worker killed" ends the worker eight times after 30 to 700 ms. Crash and SIGKILL are sums of five rounds that end at different points of the SDKs' timers. After a fault the page stays for 30 s, longer than any of them waits for its next try; then it goes, and the next visit comes. That lasts until 11 s pass in which nothing is stored.
- "Storage full" sets the origin's quota to one byte. "413" refuses every request of more than ten records. "Slow 3G" is the preset of Chromium's developer tools.

How the others are configured, for the most they can do:

- OpenTelemetry: BatchLogRecordProcessor and the OTLP/HTTP exporter as documented; both flush when the page is hidden. It has no persistence to turn on.
- Faro: retry raised from 3 to 10 attempts, buffer from 30 to 1,000 requests. What comes twice with one Idempotency-Key counts once.
- Sentry: structured logs over the offline transport (IndexedDB) with \`flushAtStartup\`, its queue raised from 30 to 1,000 envelopes.
- Datadog: logs through its \`proxy\` option, all sessions sampled. It has no persistence to turn on.
- PostHog: its own limit of 10 events a second and its filter of headless browsers are off, and so is what loads further scripts.
`;
