import { writeFile } from 'node:fs/promises';
import { readOptions } from '../local/command-line.ts';
import { serviceControlPolicy } from '../lib/service-control-policy.ts';

const HELP = `Writes deploy/service-control-policy.json, ready to attach to the relay's account. A test fails while the file
differs from the code.

Usage: npm run deploy:control-policy [-- --help]`;

export const CONTROL_POLICY_FILE = new URL('../deploy/service-control-policy.json', import.meta.url);

/** A statement a line: AWS counts the white space of what its command line is given. */
export function controlPolicyText(): string {
  const { Version, Statement } = serviceControlPolicy();
  const statements = Statement.map((statement) => `  ${JSON.stringify(statement)}`).join(',\n');
  return `{"Version":${JSON.stringify(Version)},"Statement":[\n${statements}\n]}\n`;
}

if (import.meta.main) {
  readOptions(HELP, {});
  await writeFile(CONTROL_POLICY_FILE, controlPolicyText());
}
