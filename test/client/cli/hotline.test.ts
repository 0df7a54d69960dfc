import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { quote } from '../../../client/cli/failure.ts';
import { DAY } from '../../../core/time.ts';
import { records } from '../../support/command.ts';
import { hotlineCommand, ID } from '../../support/hotline-at-work.ts';
import { sampleDraft, withMember } from '../../support/referrals.ts';
import { signerOf } from '../../support/world.ts';

const immediate = sampleDraft('immediate');
const NOBODY = '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';

const { the, folder, hotline, write, submitted, state, distrust } = hotlineCommand();

describe('check', () => {
  it('finds nothing to mend, and says who would receive it', async () => {
    const file = await write('case.json', immediate);
    const { exit, out } = await hotline(['check', file]);
    expect({ exit, out }).toEqual({
      exit: 0,
      out: `good  ${file}\n  would go to ca-police, for victim in CA (Canada)\n  would go to de-police, for suspect in DE (Germany)\n`,
    });
    expect(the.log.map(({ path }) => path)).toEqual(['/v1/directory']);
  });

  it('lists every fault by its field, and ends with 3', async () => {
    const faulty = withMember(withMember(immediate, '/routing/suspect/0', 'XX'), '/incident/at', 'yesterday');
    const { exit, out } = await hotline(['check', await write('case.json', faulty), '--offline']);
    expect(exit).toBe(3);
    expect(out).toMatch(/^faulty {2}.*case\.json\n {2}fault {4}\/routing\/suspect\/0: must be an assigned/);
    expect(out).toContain('  fault    /incident/at: must be a time such as');
    expect(the.log).toEqual([]);
  });

  it.each([
    ['a comma too many', '{\n  "schema": "referral/1",\n}\n', ', near line 3'],
    ['a comma too few', '{\n  "schema": "referral/1"\n  "secret": "Jonas"\n}\n', ', near line 3'],
    ['no end', '{\n  "secret": "Jonas"', ', near line 2'],
    ['a member twice', '{\n  "secret": 1,\n  "secret": 2\n}', ''],
  ])('says where JSON breaks off that has %s, and quotes nothing of it', async (_, text, place) => {
    const heard = await hotline(['check', await write('case.json', text), '--offline']);
    const { exit, out, err } = heard;
    expect(exit).toBe(3);
    expect(out).toMatch(new RegExp(`^  fault    the document: is .*JSON.*${place}$`, 'm'));
    if (place === '') expect(out).not.toContain('near line');
    expect(out + err).not.toMatch(/secret|Jonas/);
  });

  it('lists warnings, which are no failure', async () => {
    const { exit, out } = await hotline(['check', await write('case.json', sampleDraft('hash-only'))]);
    expect(exit).toBe(0);
    expect(out).toMatch(/^could be better {2}.*\n {2}warning {2}\/files: A hash alone is rarely actionable/);
  });

  it('says which country nobody serves', async () => {
    the.world.registry = { ...the.world.registry, fallback: undefined };
    const agencies = new Map(
      [...the.world.registry.agencies].map(([id, agency]) => [id, { ...agency, fallback: false }]),
    );
    the.world.registry = { ...the.world.registry, agencies };
    const draft = { ...immediate, routing: { suspect: ['DE'], victim: ['AQ'] } };
    const { out } = await hotline(['check', await write('case.json', draft)]);
    expect(out).toContain('  would go to nobody for AQ (Antarctica): no agency is registered there\n');
  });

  it('goes through a folder, and ends with 6 where only some are faulty', async () => {
    await write('a.json', immediate);
    await write('b.json', '{');
    await write('c.txt', 'no draft');
    await write('d.json', sampleDraft('hash-only'));
    const heard = await hotline(['check', folder.path('drafts'), '--offline', '--json']);
    expect(heard).toMatchObject({ exit: 6, err: '1 good, 1 could be better, 1 faulty.\n' });
    expect(records(heard)).toEqual([
      { input: folder.path('drafts', 'a.json'), faults: [], warnings: [] },
      {
        input: folder.path('drafts', 'b.json'),
        faults: [{ pointer: '', detail: 'is not valid JSON' }],
        warnings: [],
      },
      { input: folder.path('drafts', 'd.json'), faults: [], warnings: expect.any(Array) as unknown[] },
    ]);
  });
});

describe('check of a folder', () => {
  it('opens what the system would, where ".." follows a link to elsewhere', async () => {
    const [meant, other] = [folder.path('cases', 'case.json'), await write('case.json', immediate)];
    await mkdir(folder.path('cases', 'today'), { recursive: true });
    await writeFile(meant, JSON.stringify(sampleDraft('hash-only')));
    await symlink(folder.path('cases', 'today'), folder.path('drafts', 'today'));
    const named = `${folder.path('drafts', 'today')}/../case.json`;
    const [found] = records(await hotline(['check', named, '--offline', '--json']));
    expect(found).toMatchObject({ input: named, faults: [] });
    expect(JSON.stringify(found)).toContain('A hash alone is rarely actionable');
    const ways = [named, meant, `${folder.path('drafts', 'today')}/..`, other, `${folder.path('drafts')}/./case.json`];
    expect(records(await hotline(['check', ...ways, '--offline', '--json']))).toHaveLength(2);
  });

  it('goes on where a file cannot be read', async () => {
    await symlink(folder.path('nowhere'), folder.path('drafts', 'a.json'));
    await write('b.json', immediate);
    const heard = await hotline(['check', folder.path('drafts'), '--offline', '--json']);
    expect(heard.exit).toBe(6);
    expect(records(heard)).toEqual([
      {
        input: folder.path('drafts', 'a.json'),
        faults: [{ pointer: '', detail: expect.stringContaining('There is no such file') as string }],
        warnings: [],
      },
      { input: folder.path('drafts', 'b.json'), faults: [], warnings: [] },
    ]);
  });
});

describe('status', () => {
  it('tells where the referral is and what was answered, in words', async () => {
    const id = await submitted();
    await state('de-police', id);
    await state('de-police', id, { status: 'actionable', reason: 'case-opened' });
    const { exit, out } = await hotline(['status', id]);
    const at = `${the.world.at().slice(0, 10)} ${the.world.at().slice(11, 16)} UTC`;
    expect({ exit, out: out.split('\n') }).toEqual({
      exit: 0,
      out: [
        `${id}  accepted ${at}`,
        `  to ca-police, for victim in CA (Canada): in the agency's queue, not opened yet (${at})`,
        `  to de-police, for suspect in DE (Germany): opened (${at})`,
        `    ${at}  de-police has opened it`,
        `    ${at}  de-police acts on it: a case was opened`,
        '',
      ],
    });
  });

  it('does not believe a statement whose key was not confirmed, and says how to confirm it', async () => {
    const id = await submitted();
    await state('de-police', id);
    await distrust('de-police');
    const { exit, out } = await hotline(['status', id]);
    expect(exit).toBe(5);
    expect(out).toContain(`an answer of de-police: not verified yet: The signing key of de-police is not trusted yet.`);
    expect(out).toContain(`referral-relay trust de-police --profile ${quote(the.home)}`);
    const [record] = records(await hotline(['status', id, '--json']));
    expect(JSON.stringify(record)).toContain('"code":"untrusted-key"');
  });

  it.each([
    ['that nobody knows', NOBODY, 3, 'not-found'],
    ['that is none', 'x', 3, 'not-known'],
  ])('of an id %s ends with 3', async (_, id, exit, code) => {
    const heard = await hotline(['status', id, '--json']);
    expect(heard.exit).toBe(exit);
    expect(records(heard)).toMatchObject([{ error: { code, exit } }]);
  });
});

describe('route', () => {
  it('names further countries, and says where the referral goes now', async () => {
    const id = await submitted({ ...immediate, routing: { suspect: [], victim: [] } });
    const { exit, out } = await hotline(['route', id, '--suspect', 'de', '--victim', 'CA,FR', '--victim', 'CA']);
    expect(exit).toBe(0);
    expect(out.split('\n')).toEqual([
      `routed  ${id}`,
      '  to ca-police, for victim in CA (Canada)',
      '  to de-police, for suspect in DE (Germany)',
      '  to fr-gendarmes, for victim in FR (France)',
      '  to fr-police, for victim in FR (France)',
      '  to int-clearing, as no country is known',
      '',
    ]);
    expect((await hotline(['status', id])).out).toContain(
      `  gb-hotline named suspect in DE (Germany), victim in CA (Canada), FR (France), `,
    );
  });
});

describe('withdraw', () => {
  it('says who has opened it, who has not, and that they are told', async () => {
    const id = await submitted();
    await state('de-police', id);
    const { exit, out } = await hotline(['withdraw', id, '--reason', 'error']);
    expect(exit).toBe(0);
    expect(out).toContain(`withdrawn  ${id}: it was sent by mistake.`);
    expect(out).toContain('ca-police has not said that it opened it as it is now; it is told, if it may have it.');
    expect(out).toContain('de-police has opened it, and is told: what was read stays read.');
    expect(out).toContain('to refer it after all, submit it with --anew');
  });

  it('tells programs the same', async () => {
    const id = await submitted();
    await state('de-police', id);
    const [record] = records(await hotline(['withdraw', id, '--reason', 'error', '--json']));
    expect(record).toMatchObject({
      routes: [
        { agency: 'ca-police', status: 'withdrawn' },
        { agency: 'de-police', status: 'opened' },
      ],
    });
  });

  it('is not dated by the delivery that came before it', async () => {
    const id = await submitted();
    the.world.clock.advance(DAY);
    await hotline(['withdraw', id, '--reason', 'error']);
    await the.world.dispatch();
    const { out } = await hotline(['status', id]);
    expect(out).toMatch(/^ {2}to de-police, for suspect in DE \(Germany\): withdrawn$/m);
  });

  it('does not have the draft sent again, which --anew does', async () => {
    const id = await submitted();
    await hotline(['withdraw', id, '--reason', 'error']);
    const again = ['submit', await write('submitted.json', immediate), '--json'];
    expect(records(await hotline(again))).toMatchObject([{ id, before: true }]);
    expect(records(await hotline([...again, '--anew']))).toMatchObject([
      { id: expect.not.stringMatching(id), before: false },
    ]);
  });
});

it('the private key shows up in nothing that is printed', async () => {
  const { d } = signerOf(ID).privateKey.export({ format: 'jwk' });
  const id = await submitted();
  const heard = await Promise.all([
    hotline(['status', id, '--json']),
    hotline(['outcomes', '--json'], { env: { REFERRAL_RELAY_DEBUG: '1' } }),
    hotline(['status', 'x'], { env: { REFERRAL_RELAY_DEBUG: '1' } }),
  ]);
  const all = heard.map(({ out, err }) => out + err).join('');
  expect(all).toContain('    at ');
  expect(all).not.toContain(String(d));
});
