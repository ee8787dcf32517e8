import { datadogLogs } from '@datadog/browser-logs';

export function start(endpoint) {
  datadogLogs.init({
    clientToken: 'pub00000000000000000000000000000000',
    proxy: `${endpoint}/intake`,
    service: 'shop',
    version: '4.2',
    sessionSampleRate: 100,
    telemetrySampleRate: 0,
    forwardErrorsToLogs: false,
  });
  return (attributes) => datadogLogs.logger.info('request', attributes);
}
