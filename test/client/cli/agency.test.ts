import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { quote } from '../../../client/cli/failure.ts';
import type { Io } from '../../../client/cli/io.ts';
import { ClientError } from '../../../client/errors.ts';
import { createHotline, type Hotline } from '../../../client/hotline.ts';
import type { InboxMessage } from '../../../client/inbox.ts';
import { agencyQueue, type Lane } from '../../../core/names.ts';
import type { ReferralDraft } from '../../../core/referral.ts';
import { MINUTE, toTimestamp } from '../../../core/time.ts';
import { command, type Heard, records, temporaryFolder } from '../../support/command.ts';
import { type Exchange, hotlineOptions, trustAll } from '../../support/partners.ts';
import { agencyMachine, writeAgency, writeHotline } from '../../support/profiles.ts';
import { sampleDraft } from '../../support/referrals.ts';
import { type AgencyId, signerOf, STAGE, World } from '../../support/world.ts';

const folder = temporaryFolder();
const HOTLINE = 'gb-hotline';
const POLICE = 'de-police';
const immediate = sampleDraft('immediate');
const routine: ReferralDraft = { ...sampleDraft('routine'), routing: { suspect: ['DE'], victim: [] } };
const unknown: ReferralDraft = { ...immediate, routing: { suspect: [], victim: [] } };

let world: World;
let log: Exchange[];
let hotline: Hotline;
let home: string;
beforeEach(async () => {
  world = new World();
  log = [];
  hotline = createHotline(hotlineOptions(world, HOTLINE));
  home = folder.path(POLICE);
  await writeAgency(home, POLICE);
});

async function submit(draft: ReferralDraft = immediate): Promise<string> {
  const { id } = await hotline.submit(draft);
  await world.dispatch();
  return id;
}

const agency = (args: readonly string[], io: Partial<Io> = {}, id: AgencyId = POLICE): Promise<Heard> =>
  command(['agency', ...args, '--profile', folder.path(id)], { ...agencyMachine(world, id, log), ...io });

/** Bodies of what is in a queue, hidden or not. */
const left = (lane: Lane = 'urgent', id: AgencyId = POLICE) => world.queues.bodies(agencyQueue(STAGE, id, lane));

/** Statements that the relay took, as "agency status". */
const stated = (id: string): string[] =>
  world.ledger
    .record({ hotline: HOTLINE, id })
    .statements.flatMap(({ content }) => (content.type === 'outcome' ? [`${content.agency} ${content.status}`] : []));

const now = (): string => `${toTimestamp(world.clock.now()).slice(0, 16).replace('T', ' ')} UTC`;

/** Where documents are, and how to see them again. */
function kept(where?: string): string {
  const again = `agency show${where === undefined ? '' : ` --out ${quote(where)}`} --profile ${quote(home)}`;
  return `Whole documents, which hold personal data, are in ${where ?? join(home, 'opened')}.\nTo list them again, or to show one: referral-relay ${again}`;
}

describe('poll', () => {
  it('prints what an investigator wants to know first, and tells the relay that it was opened', async () => {
    const id = await submit();
    const { exit, out, err } = await agency(['poll']);
    expect({ exit, err }).toEqual({ exit: 0, err: `1 referral: 1 immediate.\n${kept()}\n` });
    expect(out.split('\n')).toEqual([
      `IMMEDIATE  ${id}`,
      `  From       gb-hotline, version 1, taken in ${now()}`,
      '  Why urgent The suspect announced a meeting with the child within 48 hours of the last message.',
      '  To you     for suspect in DE (Germany); the hotline named: suspect in DE (Germany), victim in CA',
      '             (Canada)',
      '  Incident   online-enticement (sextortion, solicitation), 2026-11-20 17:45 UTC to 2026-11-22 21:30',
      '             UTC',
      expect.stringMatching(/^ {2}What {7}An adult contacted a child/),
      ...Array(2).fill(expect.stringMatching(/^ {13}\S/)),
      '  Where      1. game Castle Lanes; PC',
      '             2. chat Brieftaube Messenger',
      expect.stringMatching(
        /^ {2}Suspects {3}Jonas Beispiel; Brieftaube Messenger account bt-99120 \/ jb_lanes \(1 IP event\)/,
      ),
      ...Array(2).fill(expect.stringMatching(/^ {13}\S/)),
      expect.stringMatching(/^ {2}Victims {4}aged 12; Castle Lanes account/),
      '             CA (Canada), confirmed',
      expect.stringMatching(/^ {2}Others {5}/),
      expect.stringMatching(/^ {2}Evidence {3}Brieftaube Messenger GmbH; /),
      '             2027-05-22; request at behoerden@brieftaube.example',
      '  Handling   TLP:AMBER; may be sent on',
      '  Ask        Duty desk; +442079460101; duty@hotline.example; their reference HL-2026-118377',
      `  Answer     referral-relay agency answer gb-hotline ${id} STATUS --profile ${quote(home)}`,
      '',
      '',
    ]);
    expect(stated(id)).toEqual(['de-police opened']);
    expect(left()).toEqual([]);
  });

  it('shows urgent referrals before routine ones, whichever came first', async () => {
    const ids = [await submit(routine), await submit(immediate)];
    const { out } = await agency(['poll']);
    expect(out.match(/^(?:IMMEDIATE|ROUTINE).*$/gm)).toEqual([`IMMEDIATE  ${ids[1]}`, `ROUTINE  ${ids[0]}`]);
  });

  it('counts in the end what it has shown, names what is immediate, and says where whole documents are', async () => {
    const [, id] = [await submit(routine), await submit(immediate)];
    const { exit, err } = await agency(['poll', '--out', folder.path('inbox')]);
    const counts = '2 referrals: 1 immediate, 1 routine.';
    const named = `${counts}\n${kept(folder.path('inbox'))}\nImmediate:\n  ${HOTLINE}/${id}\n`;
    expect({ exit, err }).toEqual({ exit: 0, err: named });
  });

  it('names twenty immediate ones in the end, and counts the rest', async () => {
    for (let count = 0; count < 22; count++) await submit({ ...immediate, urgencyReason: `Reason ${count}` });
    const { err } = await agency(['poll']);
    expect(err.split('\n').slice(3)).toEqual([
      'Immediate:',
      ...Array(20).fill(expect.stringMatching(/^ {2}gb-hotline\//)),
      '  and 2 more',
      '',
    ]);
  });

  it('names in the end what was withdrawn of what it has handed over, and no longer as immediate', async () => {
    const [gone, other] = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    await hotline.withdraw(gone, 'error');
    const third = await submit({ ...immediate, urgencyReason: 'A third one.' });
    await hotline.withdraw(other, 'error');
    await world.dispatch();
    const { err } = await agency(['poll']);
    expect(err.split('\n')).toEqual([
      '1 referral: 1 immediate.',
      ...kept().split('\n'),
      'Withdrawn, so stop working on them:',
      ...[gone, other].map((id) => `  ${HOTLINE}/${id}`),
      'Immediate:',
      `  ${HOTLINE}/${third}`,
      '',
    ]);
  });

  it('that is interrupted names what it has shown, and says that more may be waiting', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    const interrupt = new AbortController();
    const { exit, err } = await agency(['poll'], {
      signal: interrupt.signal,
      out(text) {
        if (text.includes('IMMEDIATE')) interrupt.abort();
        return Promise.resolve();
      },
    });
    expect(exit).toBe(6);
    expect(err).toMatch(
      /^1 referral: 1 immediate\.\n.*\n.*\nInterrupted: more may be waiting, immediate ones as well\.\n$/,
    );
    expect(ids.flatMap((id) => stated(id))).toEqual(['de-police opened']);
  });

  it('that ends half way names what it has shown all the same, for that is not shown again', async () => {
    await submit();
    await submit({ ...immediate, urgencyReason: 'Another one.' });
    const { aws, ...machine } = agencyMachine(world, POLICE, log);
    if (!aws) throw new Error('expected an inbox');
    let polls = 0;
    const receive: typeof aws.inbox.receive = (...args) =>
      (polls += 1) > 1
        ? Promise.reject(new ClientError('aws-credentials', 'AWS credentials have run out.'))
        : aws.inbox.receive(...args);
    const { exit, err } = await agency(['poll'], { ...machine, aws: { ...aws, inbox: { ...aws.inbox, receive } } });
    expect(exit).toBe(2);
    expect(err).toContain('2 referrals: 2 immediate.\n');
    expect(err).toMatch(/\nreferral-relay: AWS credentials have run out\.\n$/);
  });

  it('says so when nothing is waiting, and that what it left before comes back', async () => {
    const err = 'Nothing is waiting now. What could not be opened before comes back by itself, later each time.\n';
    expect(await agency(['poll', '--once'])).toEqual({ exit: 0, out: '', err });
    await submit();
    await writeAgency(home, POLICE, { confirmed: { partners: {} } });
    expect((await agency(['poll'])).exit).toBe(5);
    await writeAgency(home, POLICE);
    expect(await agency(['poll'])).toEqual({ exit: 0, out: '', err });
    world.clock.advance(MINUTE);
    expect((await agency(['poll'])).out).toContain('IMMEDIATE');
  });

  it('gives programs the whole document', async () => {
    const id = await submit();
    const heard = await agency(['poll', '--json']);
    expect(heard).toMatchObject({ exit: 0, err: '' });
    expect(await readdir(home)).not.toContain('opened');
    expect(records(heard)).toEqual([
      {
        kind: 'referral',
        urgency: 'immediate',
        hotline: HOTLINE,
        id,
        version: 1,
        acceptedAt: world.at(),
        sealed: expect.stringMatching(/^[\w-]{43}$/),
        roles: ['suspect'],
        countries: ['DE'],
        routed: [],
        referral: expect.objectContaining({ ...immediate, id, hotline: HOTLINE }),
      },
    ]);
  });

  it.each([
    ['where it is told to', true, []],
    ['in the profile if it is not', false, []],
    ['where it is told to, also for a program', true, ['--json']],
  ])('writes whole documents for their owner alone, %s', async (_, isTold, more) => {
    const id = await submit();
    const where = isTold ? folder.path('inbox') : join(home, 'opened');
    expect((await agency(['poll', ...more, ...(isTold ? ['--out', where] : [])])).exit).toBe(0);
    const file = join(where, HOTLINE, `${id}.v1.json`);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ kind: 'referral', id, referral: { id } });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(where)).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['be printed', ['poll'], 1, ''],
    ['be written', ['poll', '--out'], 2, 'A part of this path is not a folder'],
  ])('says nothing to the relay of what could not %s, and shows it another time', async (_, args, exit, text) => {
    const id = await submit();
    await writeFile(folder.path('file'), '');
    const closed = Object.assign(new Error('closed'), { code: 'EPIPE' });
    const first = args.includes('--out')
      ? await agency([...args, folder.path('file', 'below')])
      : await agency(args, { out: () => Promise.reject(closed) });
    expect(first).toMatchObject({ exit, out: '' });
    expect(first.err).toContain(text);
    expect(stated(id)).toEqual([]);
    expect(left()).toHaveLength(1);

    world.clock.advance(24 * 3_600_000);
    expect((await agency(['poll'])).out).toContain(id);
    expect(stated(id)).toEqual(['de-police opened']);
  });

  it('stops at the first that cannot be printed', async () => {
    await submit(immediate);
    await submit(routine);
    let tried = 0;
    const out = () => Promise.reject(Object.assign(new Error('closed'), { code: 'EPIPE', tried: (tried += 1) }));
    expect((await agency(['poll'], { out })).exit).toBe(1);
    expect(tried).toBe(1);
  });

  it('shows a withdrawal', async () => {
    const id = await submit();
    await agency(['poll']);
    await hotline.withdraw(id, 'error');
    await world.dispatch();
    const { exit, out } = await agency(['poll', '--out', folder.path('inbox')]);
    expect({ exit, out }).toEqual({
      exit: 0,
      out: `WITHDRAWN  ${id}\n             gb-hotline withdrew it ${now()}: it was sent by mistake. You have it\n             already: stop working on it.\n\n`,
    });
    const file = folder.path('inbox', HOTLINE, `${id}.withdrawn.json`);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      kind: 'withdrawn',
      reason: 'error',
      handed: true,
    });
  });

  it('does not show what was withdrawn before it was opened', async () => {
    const id = await submit();
    await hotline.withdraw(id, 'superseded');
    await world.dispatch();
    const { exit, out } = await agency(['poll']);
    expect(exit).toBe(0);
    expect(out.replaceAll(/\s+/g, ' ')).toContain('You have not received it, and will not.');
    expect(out).not.toContain('IMMEDIATE');
  });

  it('shows a referral once, though it comes twice', async () => {
    const id = await submit();
    const [body = ''] = left();
    await agency(['poll']);
    world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    const { exit, out, err } = await agency(['poll']);
    expect({ exit, out }).toEqual({ exit: 0, out: '' });
    expect(err).toBe(`gb-hotline/${id}, version 1 came again: it was shown before, and the relay was told once more\n`);
  });

  it('leaves what depends on a key that was not confirmed, says how to confirm it, and shows the rest', async () => {
    const other = createHotline(hotlineOptions(world, 'us-hotline'));
    const { id } = await other.submit(immediate);
    const shown = await submit(routine);
    const { partners } = await trustAll().read();
    const { 'us-hotline': _, ...others } = partners;
    await writeAgency(home, POLICE, { confirmed: { partners: others } });
    const { exit, out, err } = await agency(['poll']);
    expect(exit).toBe(6);
    expect(out).toContain(`ROUTINE  ${shown}`);
    expect(err).toContain(`left  us-hotline/${id}, version 1\n  The signing key of us-hotline is not trusted yet.`);
    expect(err).toContain(`referral-relay trust us-hotline --profile ${quote(home)}`);
    expect(err.split('\n').slice(-3)).toEqual([
      'Not opened:',
      `  us-hotline/${id}, version 1: The signing key of us-hotline is not trusted yet.`,
      '',
    ]);
    expect(left()).toHaveLength(1);
  });

  it('does not say that a hotline knows of what the relay never sent here, or of what is no message', async () => {
    const id = await submit();
    await agency(['poll']);
    const queue = agencyQueue(STAGE, POLICE, 'urgent');
    const withdrawn = { v: 1, kind: 'withdrawn', hotline: HOTLINE, id, statement: 'a.b.c', acceptedAt: world.at() };
    for (const body of ['{}', JSON.stringify(withdrawn)]) world.queues.send(queue, body);
    const { exit, err } = await agency(['poll']);
    expect(exit).toBe(3);
    const why = 'no hotline can be told: ask the operator, for it lies in the dead letters soon';
    expect(err.split('\n').sort()).toEqual([
      '',
      `unreadable  a message cannot be opened (envelope): ${why}`,
      `unreadable  gb-hotline/${id} cannot be opened (signature): ${why}`,
    ]);
    expect(stated(id)).toEqual(['de-police opened']);
  });

  it('tells what cannot be opened, and that its hotline knows', async () => {
    const id = await submit();
    const queue = agencyQueue(STAGE, POLICE, 'urgent');
    const [message] = world.queues.receive(queue, 1);
    if (!message) throw new Error('expected a message');
    world.queues.remove(queue, message.handle);
    world.queues.send(queue, JSON.stringify({ ...(JSON.parse(message.body) as object), urgency: 'high' }));
    const { exit, err } = await agency(['poll']);
    expect(exit).toBe(3);
    expect(err).toBe(
      `unreadable  gb-hotline/${id}, version 1 cannot be opened (envelope): its hotline is told, and the message goes to the dead letters\n`,
    );
    expect(stated(id)).toEqual(['de-police unreadable']);
  });

  it('ends at once where relay or AWS cannot be reached', async () => {
    await submit();
    const { aws, runtime } = agencyMachine(world, POLICE);
    const unreachable = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
    const down = { ...runtime, fetch: () => Promise.reject(Object.assign(unreachable, { code: 'ECONNREFUSED' })) };
    const { exit, err } = await agency(['poll'], { runtime: down, aws });
    expect(exit).toBe(4);
    expect(err).toContain('No relay is running at https://relay.example');
  });

  it('follows until the user interrupts, which is no failure', async () => {
    const id = await submit();
    const interrupt = new AbortController();
    const machine = agencyMachine(world, POLICE);
    const receive = machine.aws?.inbox.receive.bind(machine.aws.inbox);
    if (!machine.aws || !receive) throw new Error('expected an inbox');
    let polls = 0;
    const inbox = {
      ...machine.aws.inbox,
      receive(...args: Parameters<typeof receive>): Promise<InboxMessage[]> {
        if ((polls += 1) > 6) interrupt.abort();
        return receive(...args);
      },
    };
    const io = { signal: interrupt.signal, aws: { ...machine.aws, inbox } };
    const { exit, out, err } = await agency(['poll', '--follow'], io);
    expect({ exit, err }).toEqual({ exit: 0, err: `1 referral: 1 immediate.\n${kept()}\n` });
    expect(out).toContain(id);
  });

  it('stops following where it cannot remember what it has shown, which would come again and again', async () => {
    await submit();
    await writeFile(folder.path(POLICE, 'seen'), 'no folder');
    const interrupt = new AbortController();
    const err = (): Promise<void> => {
      world.clock.advance(MINUTE);
      if (world.clock.now() - since > 20 * MINUTE) interrupt.abort();
      return Promise.resolve();
    };
    const since = world.clock.now();
    const { exit, out } = await agency(['poll', '--follow', '--json'], { signal: interrupt.signal, err });
    expect({ exit, isInterrupted: interrupt.signal.aborted }).toEqual({ exit: 2, isInterrupted: false });
    expect(out.match(/"kind":"referral"/g)).toHaveLength(1);
  });
});

describe('show', () => {
  const high: ReferralDraft = { ...immediate, urgency: 'high' };

  it('lists what was opened, the most urgent first and of these the oldest, and what was withdrawn', async () => {
    const ids = [];
    for (const draft of [routine, high, immediate, { ...immediate, urgencyReason: 'Later.' }]) {
      ids.push(await submit(draft));
      world.clock.advance(MINUTE);
    }
    await agency(['poll']);
    await hotline.withdraw(ids[2] ?? '', 'error');
    await world.dispatch();
    await agency(['poll']);
    log.length = 0;
    const { exit, out, err } = await agency(['show']);
    const at = (minutes: number) => `${toTimestamp(world.clock.now() - (4 - minutes) * MINUTE).slice(11, 16)} UTC`;
    expect(exit).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(`^IMMEDIATE  ${HOTLINE}/${ids[2]}  .* ${at(2)}  online-enticement  WITHDRAWN$`),
      expect.stringMatching(`^IMMEDIATE  ${HOTLINE}/${ids[3]}  .* ${at(3)}  online-enticement$`),
      expect.stringMatching(`^HIGH       ${HOTLINE}/${ids[1]}  .* ${at(1)}  online-enticement$`),
      expect.stringMatching(`^ROUTINE    ${HOTLINE}/${ids[0]}  .* ${at(0)}  possession`),
      '',
    ]);
    expect(err).toMatch(/^4 referrals: 2 immediate, 1 high, 1 routine\.\n/);
    expect(err).toMatch(new RegExp(`\nImmediate:\n  ${HOTLINE}/${ids[3]}\n$`));
    expect(log).toEqual([]);
  });

  it('lists only those of one urgency if told to', async () => {
    const [, id] = [await submit(routine), await submit(high), await submit(immediate)];
    await agency(['poll', '--out', folder.path('inbox')]);
    const { out } = await agency(['show', '--urgency', 'high', '--out', folder.path('inbox')]);
    expect(out).toMatch(new RegExp(`^HIGH .*${id}.*\n$`));
    expect(await agency(['show', '--out', folder.path('none')])).toEqual({
      exit: 0,
      out: '',
      err: `Nothing is kept in ${folder.path('none')}.\n`,
    });
  });

  it('lists all others where one is damaged, which it names in the end', async () => {
    const [broken, sound] = [await submit(), await submit(routine)];
    await agency(['poll', '--out', folder.path('inbox')]);
    const file = folder.path(`inbox/${HOTLINE}/${broken}.v1.json`);
    await writeFile(file, '{');
    const { exit, out, err } = await agency(['show', '--out', folder.path('inbox')]);
    expect([exit, out]).toEqual([6, expect.stringMatching(new RegExp(`^ROUTINE .*${sound}.*\n$`))]);
    expect(err).toMatch(new RegExp(`\n${file} is damaged \\(.*\n$`));
    expect((await agency(['show', broken, '--out', folder.path('inbox')])).exit).toBe(1);
  });

  it.each([
    ['by its id', (id: string) => id],
    ['as poll names it', (id: string) => `${HOTLINE}/${id}`],
  ])('prints the gist of one again, named %s', async (_, name) => {
    const id = await submit();
    await submit(routine);
    const { out } = await agency(['poll']);
    const again = await agency(['show', name(id)]);
    expect(again).toEqual({ exit: 0, out: out.slice(0, out.indexOf('ROUTINE')), err: '' });
  });

  it('tells programs what poll told them', async () => {
    const id = await submit();
    await submit(routine);
    const polled = await agency(['poll', '--json', '--out', folder.path('inbox')]);
    expect(records(await agency(['show', '--json', '--out', folder.path('inbox')]))).toEqual(records(polled));
    const one = await agency(['show', id, '--json', '--out', folder.path('inbox')]);
    expect(records(one)).toEqual([expect.objectContaining({ kind: 'referral', id })]);
  });

  it('shows the last version', async () => {
    const id = await submit();
    await agency(['poll']);
    const file = (version: number) => join(home, 'opened', HOTLINE, `${id}.v${version}.json`);
    const first = JSON.parse(await readFile(file(1), 'utf8')) as object;
    for (const version of [10, 9]) await writeFile(file(version), JSON.stringify({ ...first, version }));
    expect((await agency(['show', id])).out).toContain('version 10,');
  });

  it('of what is not kept ends with 3', async () => {
    const { exit, out, err } = await agency(['show', HOTLINE]);
    expect({ exit, out }).toEqual({ exit: 3, out: '' });
    expect(err).toContain(`No referral ${HOTLINE} is kept in ${join(home, 'opened')}.`);
  });
});

describe('answer', () => {
  it.each([
    [['opened'], 'has opened it'],
    [['actionable', '--reason', 'case-opened'], 'acts on it: a case was opened'],
    [['not-actionable', '--reason', 'duplicate'], 'cannot act on it: they have it already'],
    [['closed', '--reason', 'arrest'], 'has closed it: somebody was arrested'],
    [
      ['wrong-jurisdiction', '--countries', 'ca,US'],
      'is not the one for it; it belongs to CA (Canada), US (United States)',
    ],
    [['wrong-jurisdiction'], 'is not the one for it, and does not know who is'],
  ])('%j reaches the hotline', async (args, words) => {
    const id = await submit();
    await agency(['poll']);
    const { exit, out } = await agency(['answer', HOTLINE, id, ...args]);
    expect({ exit, out }).toEqual({ exit: 0, out: `answered  ${HOTLINE}/${id}: "${words}", taken in ${now()}\n` });
    expect(stated(id)).toContain(`de-police ${args[0]}`);
  });

  it('is about the version that is named', async () => {
    const id = await submit();
    await agency(['poll']);
    const args = ['answer', HOTLINE, id, 'actionable', '--reason', 'case-opened', '--json', '--version'];
    expect(records(await agency([...args, '1']))).toEqual([
      { hotline: HOTLINE, id, status: 'actionable', reason: 'case-opened', acceptedAt: world.at() },
    ]);
    expect(await agency([...args, '2'])).toMatchObject({ exit: 3, err: expect.stringContaining('poll for it first') });
  });

  it('reaches the hotline for several at once', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const args = [HOTLINE, `${ids.join(',')},${ids[0]}`, 'not-actionable', '--reason', 'no-resources'];
    const { exit, out, err } = await agency(['answer', ...args]);
    expect({ exit, err }).toEqual({ exit: 0, err: '2 answered.\n' });
    expect(out.match(/^answered {2}.*$/gm)).toHaveLength(2);
    for (const id of ids) expect(stated(id)).toEqual(['de-police opened', 'de-police not-actionable']);
  });

  it('to several ends with 6 if one of them is not known, which keeps the others from nothing', async () => {
    const [id, other] = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const unknown = '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';
    const args = ['answer', HOTLINE, [id, unknown, other].join(','), 'actionable', '--reason', 'case-opened'];
    const { exit, err } = await agency(args);
    expect(exit).toBe(6);
    expect(err).toMatch(new RegExp(`\\n2 answered, 1 failed\\.\\nFailed:\\n  ${HOTLINE}/${unknown}\\n$`));
    expect(stated(other)).toContain('de-police actionable');
    expect(records(await agency([...args, '--json']))).toMatchObject([
      { id, status: 'actionable' },
      { id: unknown, error: { code: 'not-known', exit: 3 } },
      { id: other, status: 'actionable' },
    ]);
    expect(await agency([...args, '--version', '1'])).toMatchObject({ exit: 2 });
  });

  it.each(['', ','])('to none (%j) ends with 2', async (ids) => {
    expect(await agency(['answer', HOTLINE, ids, 'opened'])).toMatchObject({ exit: 2, out: '' });
  });

  it('to several ends at once where the relay cannot be reached, and may be repeated', async () => {
    const ids = [await submit(), await submit({ ...immediate, urgencyReason: 'Another one.' })];
    await agency(['poll']);
    const args = ['answer', HOTLINE, ids.join(','), 'closed', '--reason', 'arrest'];
    const { aws, runtime } = agencyMachine(world, POLICE);
    const down = await agency(args, {
      aws,
      runtime: {
        ...runtime,
        fetch: () => Promise.reject(Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })),
        wait: () => Promise.resolve(),
      },
    });
    expect(down.exit).toBe(4);
    expect(down.err).toContain('0 answered, 1 failed, 1 not tried.\nRun the same command again');
    expect((await agency(args)).err).toBe('2 answered.\n');
  });

  it('to what was not polled with this profile ends with 3', async () => {
    const id = await submit();
    const { exit, err } = await agency(['answer', HOTLINE, id, 'opened']);
    expect(exit).toBe(3);
    expect(err).toContain('poll for it first');
  });
});

const sendOn = (id: string): Promise<Heard> =>
  agency(['send-on', HOTLINE, id, '--suspect', 'DE', '--victim', 'CA'], {}, 'int-clearing');

describe('send-on', () => {
  beforeEach(() => writeAgency(folder.path('int-clearing'), 'int-clearing'));

  it('names where the referral goes now, and those agencies get it', async () => {
    const id = await submit(unknown);
    await agency(['poll'], {}, 'int-clearing');
    const { exit, out } = await sendOn(id);
    expect(exit).toBe(0);
    expect(out).toBe(
      `routed  ${id}\n  to ca-police, for victim in CA (Canada)\n  to de-police, for suspect in DE (Germany)\n  to int-clearing, as no country is known\n`,
    );
    await world.dispatch();
    expect((await agency(['poll'])).out.replaceAll(/\s+/g, ' ')).toContain(
      'int-clearing named suspect in DE (Germany), victim in CA (Canada) later',
    );
  });

  it('is refused where the hotline does not allow it, and says whom to ask', async () => {
    const id = await submit({ ...unknown, onward: 'refused' });
    await agency(['poll'], {}, 'int-clearing');
    const { exit, err } = await sendOn(id);
    expect(exit).toBe(3);
    expect(err).toContain('Ask the hotline');
  });

  it('is refused to an agency that is not registered for it', async () => {
    const id = await submit();
    await agency(['poll']);
    const { exit, err } = await agency(['send-on', HOTLINE, id, '--victim', 'FR']);
    expect(exit).toBe(3);
    expect(err).toContain('Ask the operator');
  });
});

it('the profile of a hotline does not poll', async () => {
  await writeHotline(home, HOTLINE);
  const { exit, err } = await agency(['poll']);
  expect(exit).toBe(2);
  expect(err).toContain('is the profile of a hotline, gb-hotline: name that of an agency');
});

it('neither keys nor documents are left where nobody asked for them', async () => {
  const id = await submit();
  const heard = await agency(['poll']);
  const { d } = signerOf(POLICE).privateKey.export({ format: 'jwk' });
  expect(heard.out + heard.err).not.toContain(String(d));
  const seen = folder.path(POLICE, 'seen', HOTLINE);
  expect(await readdir(seen)).toEqual([`${id}.json`]);
  expect(await readFile(`${seen}/${id}.json`, 'utf8')).not.toContain('Jonas');
});
