// What GO Feature Flag's provider for Node is told, of the flags and users in its questions.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { OpenFeature } = require('@openfeature/server-sdk');
const { GoFeatureFlagProvider } = require('@openfeature/go-feature-flag-provider');

const told = JSON.parse(readFileSync(0, 'utf8'));
const provider = new GoFeatureFlagProvider({ endpoint: told.url, apiKey: told.key, dataFlushInterval: 100 });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();

const METHODS = {
  boolean: 'getBooleanDetails', string: 'getStringDetails', number: 'getNumberDetails', object: 'getObjectDetails',
};
const answers = [];
for (const [flag, fallback, context] of told.questions) {
  const { value, reason, variant, errorCode } = await client[METHODS[typeof fallback]](flag, fallback, context);
  answers.push([value, reason, variant ?? null, errorCode ?? null]);
}
await OpenFeature.close();
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
