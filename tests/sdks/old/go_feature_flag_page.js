// A page that asks for flags of another origin, and tells what it sees: first of all, and after each change.

import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { GoFeatureFlagWebProvider } from '@openfeature/go-feature-flag-web-provider';

window.run = async ({ url, key, context }) => {
  await OpenFeature.setContext(context);
  const provider = new GoFeatureFlagWebProvider({ endpoint: url, apiKey: key, dataFlushInterval: 100 });
  await OpenFeature.setProviderAndWait(provider);
  const client = OpenFeature.getClient();
  const tell = (event, flags) => {
    const { value, reason, variant } = client.getStringDetails('greeting', 'default');
    const off = client.getBooleanDetails('dark', true);
    window.tell(JSON.stringify({ event, flags, value, reason, variant, off: [off.value, off.reason], at: Date.now() }));
  };
  client.addHandler(ProviderEvents.ConfigurationChanged, (details) => tell('changed', details.flagsChanged));
  client.track('opened', { value: 3, what: 'page' });
  tell('ready');
};
