// Plain JavaScript, for it also runs on the oldest Node that partners may use.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const HELP = `Installs what "npm run build" made as a partner would, into an empty folder, and uses it on the Node that runs this.

Usage: npm run check:package [-- --help]

Exit codes: 0 it works, 1 it does not, 2 there is nothing to install, or the command was not understood.`;

const [wanted] = process.argv.slice(2);
if (wanted === '--help' || wanted === '-h') {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}
if (wanted !== undefined) {
  process.stderr.write(`Unknown option '${wanted}'. Add --help to see what the program takes.\n`);
  process.exit(2);
}
if (!existsSync('dist')) {
  process.stderr.write('There is nothing to install yet: run `npm run build` first.\n');
  process.exit(2);
}
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
