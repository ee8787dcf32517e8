import { defineConfig } from 'vite';

export default defineConfig({
  build: { outDir: 'dist/playground', target: 'es2022', chunkSizeWarningLimit: 2048 },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
});
