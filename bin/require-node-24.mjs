// Loaded before every npm script of this repository: the sources are TypeScript that Node 24 runs directly.
// `npm ci` installs that Node as a dev dependency and puts it first on the PATH of npm scripts.
import { existsSync, readdirSync } from 'node:fs';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `This needs Node 24, but ${process.version} is running.\n` +
      'Run `npm ci` in this folder: it brings Node 24 along. If it did, npm was told not to run install scripts:\n' +
      'allow them for this folder (npm ci --ignore-scripts=false), or put Node 24 on your PATH.\n',
  );
  process.exit(1);
}

// What runs on this machine is not asked for through a proxy, whatever else the environment names one for.
const direct = process.env.no_proxy || process.env.NO_PROXY;
if (direct !== '*') process.env.no_proxy = direct ? `${direct},127.0.0.1` : '127.0.0.1';

// npm leaves out, without a word, the native parts that do not name the Node it runs on. The tests cannot do without.
const parts = new URL('../node_modules/@rolldown/', import.meta.url);
if (process.argv[1]?.endsWith('vitest.mjs') && existsSync(parts)) {
  if (!readdirSync(parts).some((name) => name.startsWith('binding-'))) {
    process.stderr.write(
      '`npm ci` has left out what the tests need, as it does on a Node older than 20.19 or 22.12.\n' +
        'Put a newer one on your PATH (`node --version` tells which is there), and run `npm ci` again.\n',
    );
    process.exit(1);
  }
}
