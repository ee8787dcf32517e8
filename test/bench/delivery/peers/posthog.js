import posthog from 'posthog-js';

export function start(endpoint) {
  posthog.init('phc_bench', {
    api_host: endpoint,
    autocapture: false,
    capture_pageview: false,
    capture_pageleave: false,
    disable_session_recording: true,
    disable_surveys: true,
    disable_external_dependency_loading: true,
    advanced_disable_flags: true,
    // It takes a headless Chromium for a bot, and more than 10 events a second for a runaway loop.
    opt_out_useragent_filter: true,
    rate_limiting: { events_per_second: 1000, events_burst_limit: 100_000 },
  });
  return (attributes) => posthog.capture('request', attributes);
}
