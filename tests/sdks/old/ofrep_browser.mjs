// Opens a page in a browser without a window, and passes on what it tells, a line each, until it is told to stop.

import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { chromium } = require('playwright-core');

const told = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(line + '\n');

const browser = await chromium.launch({ executablePath: told.chromium, args: ['--no-sandbox'] });
const page = await browser.newPage();
await page.exposeFunction('tell', say);
page.on('response', (answer) => {
  const method = answer.request().method();
  if (answer.url().startsWith(told.url)) say(JSON.stringify({ event: 'answer', method, status: answer.status() }));
});
page.on('console', (message) => process.stderr.write(message.text() + '\n'));
await page.goto(told.page);
await page.evaluate((asked) => window.run(asked), told);
process.stdin.on('end', async () => {
  await browser.close();
  process.exit(0);
});
process.stdin.resume();
