// What OpenFeature's SDK for Node is told through its OFREP provider.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { OpenFeature } = require('@openfeature/server-sdk');
const { OFREPProvider } = require('@openfeature/ofrep-provider');

const told = JSON.parse(readFileSync(0, 'utf8'));
const kinds = { boolean: 'Boolean', string: 'String', number: 'Number', object: 'Object' };

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: told.url, headers: [['X-API-Key', told.key]] }));
const client = OpenFeature.getClient();
const answers = [];
for (const [key, fallback, context] of told.questions) {
  const details = await client[`get${kinds[typeof fallback]}Details`](key, fallback, context);
  answers.push([details.value, details.reason, details.variant ?? null, details.errorCode ?? null]);
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
