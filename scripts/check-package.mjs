// Installs what `npm run build` made as a partner would, into an empty folder, and uses it on the Node that runs this.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'referral-relay-package-'));
const npm = (...args) =>
  execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
try {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const packed = JSON.parse(npm('pack', resolve('.'), '--json', '--ignore-scripts'));
  const { filename } = Object.values(packed)[0];
  npm('install', '--omit=dev', '--no-audit', '--no-fund', `./${filename}`);
  const names = execFileSync(
    process.execPath,
    ['-e', "import('referral-relay').then((m) => console.log(Object.keys(m).join(' ')))"],
    { cwd: folder, encoding: 'utf8' },
  );
  for (const name of ['createHotline', 'createAgency']) {
    if (!names.includes(name)) throw new Error(`the package does not export ${name}`);
  }
  npm('exec', '--', 'referral-relay', '--help');
  process.stdout.write(`The package installs, exports ${names.trim().split(' ').length} names and runs its command.\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
