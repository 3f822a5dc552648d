// A page that asks for features of another origin, and tells what it sees: first of all, and after each change.

import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';

window.run = async ({ url, key, context }) => {
  await OpenFeature.setContext(context);
  const provider = new OFREPWebProvider({ baseUrl: url, headers: [['X-API-Key', key]], cacheMode: 'disabled' });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const tell = (event) => {
    const { value, reason, variant } = client.getStringDetails('word', 'default');
    const off = client.getBooleanDetails('asleep', true);
    window.tell(JSON.stringify({ event, value, reason, variant, off: [off.value, off.reason], at: Date.now() }));
  };
  client.addHandler(ProviderEvents.ConfigurationChanged, () => tell('changed'));
  tell('ready');
};
