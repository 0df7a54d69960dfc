import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { quote } from '../../../client/cli/failure.ts';
import type { Io } from '../../../client/cli/io.ts';
import { ClientError } from '../../../client/errors.ts';
import { createHotline } from '../../../client/hotline.ts';
import { agencyQueue, type Lane } from '../../../core/names.ts';
import { MINUTE } from '../../../core/time.ts';
import { agencyAtCommand, HOTLINE, immediate, POLICE, routine } from '../../support/agency-at-command.ts';
import { records } from '../../support/command.ts';
import { hotlineOptions, trustAll } from '../../support/partners.ts';
import { agencyMachine, writeAgency } from '../../support/profiles.ts';
import { STAGE } from '../../support/world.ts';

const { the, folder, submit, agency, left, stated, now, kept } = agencyAtCommand();

/** Queues and key of the agency; `before` is told of each look into a queue. */
function watched(before: (lane: Lane) => void): Pick<Io, 'aws'> {
  const { aws } = agencyMachine(the.world, POLICE);
  if (!aws) throw new Error('expected an inbox');
  const receive: typeof aws.inbox.receive = (lane, ...args) => {
    before(lane);
    return aws.inbox.receive(lane, ...args);
  };
  return { aws: { ...aws, inbox: { ...aws.inbox, receive } } };
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
      `  Answer     referral-relay agency answer gb-hotline ${id} STATUS --profile ${quote(the.home)}`,
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
    await the.hotline.withdraw(gone, 'error');
    const third = await submit({ ...immediate, urgencyReason: 'A third one.' });
    await the.hotline.withdraw(other, 'error');
    await the.world.dispatch();
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
    const { aws, ...machine } = agencyMachine(the.world, POLICE, the.log);
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
    await writeAgency(the.home, POLICE, { confirmed: { partners: {} } });
    expect((await agency(['poll'])).exit).toBe(5);
    await writeAgency(the.home, POLICE);
    expect(await agency(['poll'])).toEqual({ exit: 0, out: '', err });
    the.world.clock.advance(MINUTE);
    expect((await agency(['poll'])).out).toContain('IMMEDIATE');
  });

  it('gives programs the whole document', async () => {
    const id = await submit();
    const heard = await agency(['poll', '--json']);
    expect(heard).toMatchObject({ exit: 0, err: '' });
    expect(await readdir(the.home)).not.toContain('opened');
    expect(records(heard)).toEqual([
      {
        kind: 'referral',
        urgency: 'immediate',
        hotline: HOTLINE,
        id,
        version: 1,
        acceptedAt: the.world.at(),
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
    const where = isTold ? folder.path('inbox') : join(the.home, 'opened');
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

    the.world.clock.advance(24 * 3_600_000);
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
    await the.hotline.withdraw(id, 'error');
    await the.world.dispatch();
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
    await the.hotline.withdraw(id, 'superseded');
    await the.world.dispatch();
    const { exit, out } = await agency(['poll']);
    expect(exit).toBe(0);
    expect(out.replaceAll(/\s+/g, ' ')).toContain('You have not received it, and will not.');
    expect(out).not.toContain('IMMEDIATE');
  });

  it('shows a referral once, though it comes twice', async () => {
    const id = await submit();
    const [body = ''] = left();
    await agency(['poll']);
    the.world.queues.send(agencyQueue(STAGE, POLICE, 'urgent'), body);
    const { exit, out, err } = await agency(['poll']);
    expect({ exit, out }).toEqual({ exit: 0, out: '' });
    expect(err).toBe(`gb-hotline/${id}, version 1 came again: it was shown before, and the relay was told once more\n`);
  });

  it('leaves what depends on a key that was not confirmed, says how to confirm it, and shows the rest', async () => {
    const other = createHotline(hotlineOptions(the.world, 'us-hotline'));
    const { id } = await other.submit(immediate);
    const shown = await submit(routine);
    const { partners } = await trustAll().read();
    const { 'us-hotline': _, ...others } = partners;
    await writeAgency(the.home, POLICE, { confirmed: { partners: others } });
    const { exit, out, err } = await agency(['poll']);
    expect(exit).toBe(6);
    expect(out).toContain(`ROUTINE  ${shown}`);
    expect(err).toContain(`left  us-hotline/${id}, version 1\n  The signing key of us-hotline is not trusted yet.`);
    expect(err).toContain(`referral-relay trust us-hotline --profile ${quote(the.home)}`);
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
    const withdrawn = { v: 1, kind: 'withdrawn', hotline: HOTLINE, id, statement: 'a.b.c', acceptedAt: the.world.at() };
    for (const body of ['{}', JSON.stringify(withdrawn)]) the.world.queues.send(queue, body);
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
    const [message] = the.world.queues.receive(queue, 1);
    if (!message) throw new Error('expected a message');
    the.world.queues.remove(queue, message.handle);
    the.world.queues.send(queue, JSON.stringify({ ...(JSON.parse(message.body) as object), urgency: 'high' }));
    const { exit, err } = await agency(['poll']);
    expect(exit).toBe(3);
    expect(err).toBe(
      `unreadable  gb-hotline/${id}, version 1 cannot be opened (envelope): its hotline is told, and the message goes to the dead letters\n`,
    );
    expect(stated(id)).toEqual(['de-police unreadable']);
  });

  it('ends at once where relay or AWS cannot be reached', async () => {
    const [first, second] = [await submit(), await submit({ ...immediate, urgencyReason: 'Another.' })];
    const { aws, runtime } = agencyMachine(the.world, POLICE);
    const unreachable = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
    const down = { ...runtime, fetch: () => Promise.reject(Object.assign(unreachable, { code: 'ECONNREFUSED' })) };
    const { exit, err } = await agency(['poll'], { runtime: down, aws });
    expect(exit).toBe(4);
    expect(err).toContain('No relay is running at https://relay.example');
    // What was not tried is there again at once.
    const { out } = await agency(['poll']);
    expect(out).toContain(`IMMEDIATE  ${second}`);
    expect(out).not.toContain(first);
  });

  it('follows until the user interrupts, which is no failure', async () => {
    const id = await submit();
    const interrupt = new AbortController();
    let polls = 0;
    const looked = watched(() => void ((polls += 1) > 6 && interrupt.abort()));
    const { exit, out, err } = await agency(['poll', '--follow'], { signal: interrupt.signal, ...looked });
    expect({ exit, err }).toEqual({ exit: 0, err: `1 referral: 1 immediate.\n${kept()}\n` });
    expect(out).toContain(id);
  });

  it('follows past a look that failed, which is no failure either', async () => {
    const id = await submit();
    const interrupt = new AbortController();
    let polls = 0;
    const looked = watched((lane) => {
      if ((polls += 1) > 6) interrupt.abort();
      if (lane === 'routine')
        throw new ClientError('aws-unreachable', 'SQS could not be reached.', { transient: true });
    });
    const { exit, out, err } = await agency(['poll', '--follow'], { signal: interrupt.signal, ...looked });
    expect(exit).toBe(0);
    expect(err).toContain('SQS could not be reached.');
    expect(out).toContain(id);
  });

  it('does not name in the end what it could not open at first and opened while following', async () => {
    const other = createHotline(hotlineOptions(the.world, 'us-hotline'));
    const { id } = await other.submit(immediate);
    await the.world.dispatch();
    await writeAgency(the.home, POLICE, { confirmed: { partners: {} } });
    const interrupt = new AbortController();
    let [heard, shown, attempts] = ['', '', 0];
    const err = async (text: string): Promise<void> => {
      heard += text;
      if (text.startsWith('left') && (attempts += 1) === 2) await writeAgency(the.home, POLICE);
    };
    const out = (text: string): Promise<void> => {
      shown += text;
      interrupt.abort();
      return Promise.resolve();
    };
    const looked = watched(() => the.world.clock.advance(MINUTE));
    const { exit } = await agency(['poll', '--follow'], { signal: interrupt.signal, err, out, ...looked });
    expect(exit).toBe(0);
    expect(attempts).toBeGreaterThan(1);
    expect(shown).toContain(id);
    expect(heard).toContain('1 referral: 1 immediate.');
    expect(heard).not.toContain('Not opened:');
  });

  it('stops following where it cannot remember what it has shown, which would come again and again', async () => {
    await submit();
    await writeFile(folder.path(POLICE, 'seen'), 'no folder');
    const interrupt = new AbortController();
    const err = (): Promise<void> => {
      the.world.clock.advance(MINUTE);
      if (the.world.clock.now() - since > 20 * MINUTE) interrupt.abort();
      return Promise.resolve();
    };
    const since = the.world.clock.now();
    const { exit, out } = await agency(['poll', '--follow', '--json'], { signal: interrupt.signal, err });
    expect({ exit, isInterrupted: interrupt.signal.aborted }).toEqual({ exit: 2, isInterrupted: false });
    expect(out.match(/"kind":"referral"/g)).toHaveLength(1);
  });

  it('does not show, either, what a look that was under way then still brings', async () => {
    await submit();
    await writeFile(folder.path(POLICE, 'seen'), 'no folder');
    const told = Promise.withResolvers<void>();
    const err = (): Promise<void> => {
      the.world.clock.advance(MINUTE);
      told.resolve();
      return Promise.resolve();
    };
    const { aws } = agencyMachine(the.world, POLICE);
    if (!aws) throw new Error('expected an inbox');
    let looks = 0;
    const receive: typeof aws.inbox.receive = async (...args) => {
      if ((looks += 1) > 1) await told.promise;
      return aws.inbox.receive(...args);
    };
    const late = { ...aws, inbox: { ...aws.inbox, receive } };
    const { exit, out } = await agency(['poll', '--follow', '--json'], { err, aws: late });
    expect({ exit, looks }).toEqual({ exit: 2, looks: 2 });
    expect(out.match(/"kind":"referral"/g)).toHaveLength(1);
  });
});
