import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    outDir: 'dist/playground',
    target: 'es2022',
    chunkSizeWarningLimit: 2048,
    rolldownOptions: {
      input: { playground: 'index.html', headless: 'src/headless/look.ts' },
      // `sonde capture --device webgpu` imports headless.js by name and calls what it exports.
      preserveEntrySignatures: 'exports-only',
      output: {
        entryFileNames: ({ name }) => (name === 'headless' ? 'headless.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    headers: {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    },
  },
});
