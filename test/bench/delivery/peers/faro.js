import { FetchTransport, initializeFaro } from '@grafana/faro-web-sdk';

export function start(endpoint) {
  const { api } = initializeFaro({
    app: { name: 'shop', version: '4.2' },
    instrumentations: [],
    transports: [
      new FetchTransport({ url: `${endpoint}/collect`, bufferSize: 1000, retry: { maxAttempts: 10 } }),
    ],
  });
  return (attributes) => api.pushEvent('request', attributes);
}
