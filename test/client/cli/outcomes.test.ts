import { describe, expect, it } from 'vitest';
import type { Runtime } from '../../../client/runtime.ts';
import type { OutcomeStatement } from '../../../core/contracts.ts';
import { MINUTE, SECOND } from '../../../core/time.ts';
import { routeReferral } from '../../../core/use-cases/route.ts';
import { type Heard, records } from '../../support/command.ts';
import { hotlineCommand, ID } from '../../support/hotline-at-work.ts';
import { hotlineMachine, writeHotline } from '../../support/profiles.ts';
import { sampleDraft } from '../../support/referrals.ts';

const { the, hotline, submitted, state, distrust } = hotlineCommand();
const escape = (text: string): string => text.replace(/[().]/g, '\\$&');

describe('outcomes', () => {
  const STATED: [Partial<OutcomeStatement>, string][] = [
    [{ status: 'opened' }, 'has opened it'],
    [{ status: 'unreadable', reason: 'decryption' }, 'cannot decrypt it'],
    [{ status: 'wrong-jurisdiction', countries: ['FR'] }, 'is not the one for it; it belongs to FR (France)'],
    [{ status: 'wrong-jurisdiction', countries: [] }, 'is not the one for it, and does not know who is'],
    [{ status: 'not-actionable', reason: 'insufficient' }, 'cannot act on it: it says too little'],
    [{ status: 'actionable', reason: 'joined-to-case' }, 'acts on it: it was joined to a case'],
    [{ status: 'closed', reason: 'child-safeguarded' }, 'has closed it: a child was safeguarded'],
  ];

  it('are told in words, each once', async () => {
    const id = await submitted();
    for (const [stated] of STATED) await state('de-police', id, stated);
    const { exit, out } = await hotline(['outcomes']);
    expect(exit).toBe(0);
    for (const [, words] of STATED)
      expect(out).toMatch(new RegExp(`^${id}  .* UTC  de-police ${escape(words)}\\.$`, 'm'));
    expect(out.trimEnd().split('\n')).toHaveLength(STATED.length);
    the.world.clock.advance(5 * MINUTE);
    expect(await hotline(['outcomes'])).toMatchObject({ exit: 0, out: '', err: 'Nothing new.\n' });
  });

  it('are counted in the end, and those that ask something of the hotline are told again', async () => {
    const [id, other] = [
      await submitted(),
      await submitted({ ...sampleDraft('immediate'), urgencyReason: 'Another one.' }),
    ];
    for (const one of [id, other]) await state('de-police', one);
    await state('de-police', id, { status: 'wrong-jurisdiction', countries: ['FR'] });
    await state('ca-police', id);
    const { exit, out, err } = await hotline(['outcomes']);
    expect({ exit, err: err.split('\n') }).toEqual({
      exit: 0,
      err: [
        '4 answers: 3 opened, 1 wrong-jurisdiction.',
        'These may need something of you:',
        expect.stringMatching(new RegExp(`^ {2}${id} .* de-police is not the one for it; it belongs to FR`)),
        '',
      ],
    });
    expect(out.trimEnd().split('\n')).toHaveLength(4);
  });

  it('are told to programs with the signed statement and what it says', async () => {
    const id = await submitted();
    await state('de-police', id, { status: 'closed', reason: 'arrest' });
    expect(records(await hotline(['outcomes', '--json']))).toEqual([
      {
        kind: 'outcome',
        hotline: ID,
        referral: id,
        statement: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        acceptedAt: the.world.at(),
        check: 'verified',
        payload: expect.objectContaining({ agency: 'de-police', status: 'closed', reason: 'arrest' }),
      },
    ]);
  });

  it('come again where the key was not confirmed', async () => {
    const id = await submitted();
    await state('de-police', id);
    await distrust('de-police');
    const first = await hotline(['outcomes']);
    expect(first.exit).toBe(5);
    expect(first.out).toContain('not verified yet: The signing key of de-police is not trusted yet.');
    await writeHotline(the.home, ID);
    the.world.clock.advance(5 * MINUTE);
    expect((await hotline(['outcomes'])).out).toContain('de-police has opened it');
  });

  it('come again where they could not be printed', async () => {
    const id = await submitted();
    await state('de-police', id);
    const closed = Object.assign(new Error('closed'), { code: 'EPIPE' });
    expect(await hotline(['outcomes'], { out: () => Promise.reject(closed) })).toEqual({ exit: 1, out: '', err: '' });
    the.world.clock.advance(5 * MINUTE);
    expect((await hotline(['outcomes'])).out).toContain('de-police has opened it');
  });

  it('include what the relay reports itself', async () => {
    const id = await submitted({ ...sampleDraft('immediate'), routing: { suspect: [], victim: [] } });
    const name = { hotline: ID, id };
    const hash = the.world.ledger.record(name).referral?.hash ?? '';
    const token = await the.world.routeStatement('int-clearing', name, hash, { suspect: ['DE'], victim: [] });
    await routeReferral(the.world.relay(), the.world.agency('int-clearing'), name, token);
    await the.world.dispatch();
    await the.world.sweep();
    const { exit, out } = await hotline(['outcomes']);
    expect(exit).toBe(0);
    expect(out).toContain('The referral was sent on by int-clearing to DE (Germany).');
  });

  it('that the user interrupts end with 6, as there may be more', async () => {
    const id = await submitted();
    for (const [stated] of STATED) await state('de-police', id, stated);
    const interrupt = new AbortController();
    const { exit, err } = await hotline(['outcomes'], {
      signal: interrupt.signal,
      out() {
        interrupt.abort();
        return Promise.resolve();
      },
    });
    expect({ exit, err }).toEqual({ exit: 6, err: '' });
  });

  it('are followed until the user interrupts, which is no failure', async () => {
    const id = await submitted();
    await state('de-police', id);
    const interrupt = new AbortController();
    let out = '';
    const heard = await hotline(['outcomes', '--follow'], {
      signal: interrupt.signal,
      out(text) {
        out += text;
        interrupt.abort();
        return Promise.resolve();
      },
    });
    expect(heard).toMatchObject({ exit: 0, err: '' });
    expect(out).toContain('de-police has opened it');
  });
});

const coded = (code: string) => () => Promise.reject(Object.assign(new Error('trouble'), { code }));
const refused =
  (status: number, code: string, headers = {}) =>
  () => {
    const problem = { type: `urn:referral-relay:error:${code}`, code, detail: `It is ${code}.` };
    return Promise.resolve(Response.json(problem, { status, headers }));
  };

/**
 * Follows while `trouble` answers, in place of the relay, the calls to `path` that have these numbers, from 1; until
 * something was printed or, if nothing is there, so many calls were made.
 */
async function follow({
  trouble,
  at,
  calls = Number.POSITIVE_INFINITY,
  path = '/v1/outcomes/receive',
  prints = 1,
}: {
  trouble: () => Promise<Response>;
  at: number[];
  calls?: number;
  path?: string;
  prints?: number;
}): Promise<Heard & { pauses: number[] }> {
  const interrupt = new AbortController();
  const { runtime } = hotlineMachine(the.world, the.log);
  const pauses: number[] = [];
  const printed: string[] = [];
  let number = 0;
  const heard = await hotline(['outcomes', '--follow'], {
    signal: interrupt.signal,
    out(text) {
      printed.push(text);
      if (printed.length === prints) interrupt.abort();
      return Promise.resolve();
    },
    runtime: {
      ...runtime,
      async fetch(url, init) {
        const { pathname } = new URL(url);
        // The relay holds an empty answer back, and what was not acknowledged is hidden for a while.
        if (pathname === '/v1/outcomes/receive') the.world.clock.advance(20 * SECOND);
        if (pathname === path) {
          number += 1;
          if (number > calls) interrupt.abort();
          if (at.includes(number)) return trouble();
        }
        return (await runtime?.fetch?.(url, init)) ?? Response.error();
      },
      async wait(milliseconds, signal) {
        pauses.push(milliseconds);
        await runtime?.wait?.(milliseconds, signal);
      },
    },
  });
  return { ...heard, out: printed.join(''), pauses };
}

it('outcomes of a kind that this version does not know are shown as they came', async () => {
  const items = [{ receipt: 'r1', kind: 'poem', text: 'an \u202eode' }];
  const { runtime } = hotlineMachine(the.world, the.log);
  const fetch: Runtime['fetch'] = async (url, init) =>
    new URL(url).pathname === '/v1/outcomes/receive'
      ? Response.json({ items: items.splice(0) })
      : ((await runtime?.fetch?.(url, init)) ?? Response.error());
  const { out } = await hotline(['outcomes'], { runtime: { ...runtime, fetch } });
  expect(out).toBe('not understood  Keep this, and update the command: {"kind":"poem","text":"an \\u202eode"}\n');
});

describe('outcomes that are followed', () => {
  it.each([
    ['nobody listens', coded('ECONNREFUSED'), 'No relay is running at https://relay.example'],
    ['there is no such name', coded('ENOTFOUND'), 'There is no host relay.example'],
    ['the network is down', coded('ENETUNREACH'), 'https://relay.example could not be reached (ENETUNREACH)'],
    ['the relay is overloaded', refused(503, 'try-again'), 'It is try-again.'],
    [
      'only a gateway answers',
      () => Promise.resolve(Response.json({ message: 'Not Found' }, { status: 404 })),
      "What answers at the relay's address is not the relay (HTTP status 404).",
    ],
    ['somebody asks to sign in to the Wi-Fi', () => Promise.resolve(new Response('<html>')), 'The answer is not JSON'],
  ])('go on where %s, however long, and the person is told', async (_, trouble, text) => {
    const id = await submitted();
    await state('de-police', id);
    const since = the.world.clock.now();
    const at = Array.from({ length: 200 }, (_each, index) => index + 1);
    const { exit, out, err, pauses } = await follow({ trouble, at });
    expect(exit).toBe(0);
    expect(out).toContain(`${id}  `);
    expect(err).toContain(`held up  trying again in 1 second\n  ${text}`);
    expect(err).toContain('held up  trying again in 45 seconds\n');
    expect(the.world.clock.now() - since).toBeGreaterThan(10 * MINUTE);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(MINUTE);
  });

  it('pause longer each time, and shortly again once the relay has answered', async () => {
    const { exit, pauses } = await follow({ trouble: coded('ECONNREFUSED'), at: [1, 2, 3, 5, 6], calls: 7 });
    expect({ exit, pauses }).toEqual({ exit: 0, pauses: [750, 1500, 3000, 750, 1500] });
  });

  it('are not asked for sooner than the relay asks', async () => {
    const headers = { 'retry-after': '90' };
    const { err } = await follow({ trouble: refused(429, 'slow-down', headers), at: [1], calls: 2 });
    expect(err).toContain('held up  trying again in 90 seconds\n  It is slow-down.');
  });

  it('come again where they could not be acknowledged', async () => {
    const id = await submitted();
    await state('de-police', id);
    const path = '/v1/outcomes/acknowledge';
    const { exit, out, err } = await follow({ trouble: coded('ECONNREFUSED'), at: [1], path, prints: 2 });
    expect(exit).toBe(0);
    expect(out.match(/de-police has opened it/g)).toHaveLength(2);
    expect(err).toContain('held up  trying again in 1 second');
  });

  it('end where the relay does not know the key, which somebody has to mend', async () => {
    const heard = await follow({ trouble: refused(401, 'unauthorized'), at: [1] });
    expect(heard).toMatchObject({ exit: 3, pauses: [] });
    expect(heard.err).toContain('referral-relay: The relay does not know this signature.');
  });
});
