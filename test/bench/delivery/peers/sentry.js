import { init, logger, makeBrowserOfflineTransport, makeFetchTransport } from '@sentry/browser';

export function start(endpoint) {
  init({
    dsn: 'http://public@127.0.0.1/1',
    tunnel: `${endpoint}/envelope`,
    release: 'shop@4.2',
    enableLogs: true,
    defaultIntegrations: false,
    transport: makeBrowserOfflineTransport(makeFetchTransport),
    transportOptions: { flushAtStartup: true, maxQueueSize: 1000 },
  });
  return (attributes) => logger.info('request', attributes);
}
