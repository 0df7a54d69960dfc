import { describe, expect, it } from 'vitest';
import { command } from '../../support/command.ts';

const COMMANDS = [
  'keygen',
  'trust',
  'registry',
  'registry check',
  'registry list',
  'hotline',
  'hotline check',
  'hotline submit',
  'hotline route',
  'hotline withdraw',
  'hotline status',
  'hotline outcomes',
  'agency',
  'agency poll',
  'agency show',
  'agency answer',
  'agency send-on',
];

describe('help', () => {
  it.each(COMMANDS)('of "%s" shows examples of it and what exit codes mean', async (name) => {
    const { exit, out, err } = await command([...name.split(' '), '--help']);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toContain(`Usage: referral-relay ${name} `);
    const examples = [...out.matchAll(/^ {2}\$ (.+)$/gm)].map(([, line]) => line);
    expect(examples).not.toEqual([]);
    for (const line of examples) expect(line).toMatch(new RegExp(`^referral-relay ${name}\\b`));
    expect(out).toMatch(/\nExit codes:\n {2}0 {2}done\n/);
  });

  it('names every command', async () => {
    const groups = await Promise.all(['', 'registry', 'hotline', 'agency'].map((group) => listed(group)));
    expect(groups.flat().toSorted()).toEqual(COMMANDS.toSorted());
  });
});

/** The commands that a group's help lists. */
async function listed(group: string): Promise<string[]> {
  const { out } = await command([...(group ? [group] : []), '--help']);
  const [, after = ''] = out.split('\nCommands:\n');
  const names = Array.from(after.split('\n\n', 1)[0]?.matchAll(/^ {2}([a-z-]+)/gm) ?? [], ([, name]) => name ?? '');
  return names.filter((name) => name !== 'help').map((name) => `${group} ${name}`.trim());
}

describe('a wrong command line', () => {
  it.each([
    ['no command', [], 'Usage: referral-relay'],
    ['half a command', ['hotline'], 'Usage: referral-relay hotline'],
    ['an unknown command', ['hotlin'], '(Did you mean hotline?)'],
    ['an unknown option', ['hotline', 'check', '--ofline'], '(Did you mean --offline?)'],
    ['a missing argument', ['hotline', 'status'], "missing required argument 'ID'"],
    ['an argument too many', ['hotline', 'outcomes', 'x'], 'too many arguments'],
    ['a missing reason', ['hotline', 'withdraw', 'x'], "'--reason <reason>' not specified"],
    [
      'an unknown reason',
      ['hotline', 'withdraw', 'x', '--reason', 'y'],
      'Allowed choices are error, superseded, legal',
    ],
    ['an unknown country', ['hotline', 'route', 'x', '--victim', 'XX'], 'ISO 3166-1 alpha-2 codes, such as DE,CA'],
    ['too many at once', ['hotline', 'submit', 'x', '--parallel', '65'], 'Give a whole number from 1 to 64'],
    [
      'both once and follow',
      ['agency', 'poll', '--once', '--follow'],
      "'--once' cannot be used with option '--follow'",
    ],
    ['an unknown kind', ['keygen', 'x', '--kind', 'police'], 'Allowed choices are hotline, agency'],
    ['no profile', ['hotline', 'outcomes'], 'add --profile DIR, or set REFERRAL_RELAY_PROFILE'],
    ['a profile that is not there', ['trust', '--profile', '/nowhere'], 'There is no /nowhere/profile.json'],
    ['nothing to submit', ['hotline', 'submit'], 'Name what to submit'],
    ['nothing to check', ['hotline', 'check'], 'Name what to check'],
    ['nowhere to route', ['hotline', 'route', 'x'], 'Name a country'],
    ['nowhere to send on', ['agency', 'send-on', 'x', 'y'], 'Name a country'],
    ['an unknown status', ['agency', 'answer', 'x', 'y', 'unreadable'], 'Give one of these as the status: opened'],
    ['a status without its reason', ['agency', 'answer', 'x', 'y', 'closed'], '--reason with one of child-safeguarded'],
    ['a reason of another status', ['agency', 'answer', 'x', 'y', 'closed', '--reason', 'duplicate'], 'with one of'],
    ['a reason too many', ['agency', 'answer', 'x', 'y', 'opened', '--reason', 'arrest'], 'leave out --reason'],
    ['countries too many', ['agency', 'answer', 'x', 'y', 'opened', '--countries', 'DE'], 'belongs to'],
  ])('with %s ends with 2 and says what to do', async (_, args, text) => {
    const { exit, out, err } = await command(args);
    expect({ exit, out }).toEqual({ exit: 2, out: '' });
    expect(err).toContain(text);
  });

  it('takes the profile from the environment, and the option over that', async () => {
    const env = { REFERRAL_RELAY_PROFILE: '/from/environment' };
    expect((await command(['trust'], { env })).err).toContain('/from/environment/profile.json');
    expect((await command(['trust', '--profile', '/from/option'], { env })).err).toContain('/from/option/profile.json');
  });

  it('is told as JSON as well where that is asked for', async () => {
    const { exit, out, err } = await command(['trust', '--json', '--profile', '/nowhere']);
    const message = 'There is no /nowhere/profile.json: name the folder of a profile.';
    expect(JSON.parse(out)).toEqual({ error: { code: 'profile', exit, message } });
    expect(err).toContain(message);
  });
});
