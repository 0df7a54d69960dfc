#!/usr/bin/env node
// An installed package brings plain JavaScript; a checkout runs its sources as they are, on the Node it brings along.
import { existsSync } from 'node:fs';

const source = new URL('../client/cli.ts', import.meta.url);
if (existsSync(source)) {
  await import('./require-node-24.mjs');
  await import(source.href);
} else {
  await import(new URL('../dist/client/cli.js', import.meta.url).href);
}
