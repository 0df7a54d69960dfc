import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { greetingOf } from '../../local/greeting.ts';

it.each(['/srv/relay', "/srv/Anna's relay"])('the commands can be pasted into a shell: %s', (dataDir) => {
  const profilesDir = join(dataDir, 'profiles');
  const greeting = greetingOf({ url: 'http://127.0.0.1:8400', dataDir, profilesDir });
  const commands = greeting.split('\n').filter((line) => line.startsWith('  npx referral-relay '));
  const profiles = commands.map((line) =>
    execFileSync('sh', ['-c', `set -- ${line}; for last; do :; done; printf %s "$last"`], { encoding: 'utf8' }),
  );
  expect(profiles).toEqual(['gb-lantern', 'de-kinderwacht', 'gb-lantern'].map((id) => join(profilesDir, id)));
});
