import { expect, it } from 'vitest';
import { telemetryDocument } from '../../../src/schema/document.ts';

it('docs/telemetry.md says what the schema says', async () => {
  await expect(telemetryDocument()).toMatchFileSnapshot('../../../docs/telemetry.md');
});
