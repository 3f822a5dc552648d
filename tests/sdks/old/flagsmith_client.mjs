// What Flagsmith's clients for JavaScript are told of some identities, and what the one for Node decides by itself.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const told = JSON.parse(readFileSync(0, 'utf8'));

async function node() {
  const { Flagsmith } = require('flagsmith-nodejs');
  const at = { environmentKey: told.key, apiUrl: told.api_url };
  const remote = new Flagsmith(at);
  const local = new Flagsmith({ ...at, enableLocalEvaluation: true });
  const seen = async (client, identifier, traits) => {
    const flags = await client.getIdentityFlags(identifier, traits);
    return Object.fromEntries(flags.allFlags().map((flag) => [flag.featureName, [flag.enabled, flag.value]]));
  };
  const answers = [];
  for (const [identifier, traits] of told.identities) {
    answers.push({ remote: await seen(remote, identifier, traits), local: await seen(local, identifier, traits) });
  }
  return answers;
}

async function browser() {
  const { createFlagsmithInstance } = require('flagsmith/isomorphic');
  const answers = [];
  for (const [identifier, traits] of told.identities) {
    const client = createFlagsmithInstance();
    await client.init({ environmentID: told.key, api: told.api_url, identity: identifier, traits, fetch });
    const flags = Object.entries(client.getAllFlags());
    answers.push({ remote: Object.fromEntries(flags.map(([name, flag]) => [name, [flag.enabled, flag.value]])) });
  }
  return answers;
}

const answers = await (told.client === 'browser' ? browser() : node());
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
