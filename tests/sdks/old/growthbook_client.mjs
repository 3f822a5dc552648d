// GrowthBook's SDK for JavaScript: line by line, what it makes of a subject. As growthbook_client.py.

import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { GrowthBook, setPolyfills } = require('@growthbook/growthbook');
const { EventSource } = require('eventsource');

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = JSON.parse((await lines.next()).value);
setPolyfills({ EventSource });
const client = new GrowthBook({
  apiHost: told.host,
  clientKey: told.key,
  decryptionKey: told.decryption_key || undefined,
  remoteEval: told.mode === 'remote',
  features: told.features,
  attributes: {},
});
if (told.host) {
  const { success, error } = await client.init({ streaming: true });
  if (!success) throw error;
}
for await (const line of lines) {
  const { attributes, keys } = JSON.parse(line);
  await client.setAttributes(attributes);
  const values = Object.fromEntries(keys.map((key) => [key, client.evalFeature(key).value]));
  console.log(JSON.stringify(values));
}
process.exit(0);
