import { join, relative } from 'node:path';
import { quote } from '../client/cli/failure.ts';

/** What is said once the relay is up: where it is, and three commands as a shell takes them. */
export function greetingOf({
  url,
  dataDir,
  profilesDir,
}: {
  url: string;
  dataDir: string;
  profilesDir: string;
}): string {
  const below = relative('', profilesDir);
  const profileOf = (id: string): string => quote(join(below.startsWith('..') ? profilesDir : below, id));
  return `
The relay is up at ${url} and stays up; Ctrl-C stops it. Its log is ${join(dataDir, 'relay.log')}.
In another terminal, in this folder, one after the other:

  npx referral-relay hotline submit samples/immediate.json --profile ${profileOf('gb-lantern')}
  npx referral-relay agency poll --profile ${profileOf('de-kinderwacht')}
  npx referral-relay hotline outcomes --profile ${profileOf('gb-lantern')}

The first submits a sample as a hotline, the second opens it as the German agency, the third reads the answer.
`;
}
