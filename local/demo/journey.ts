import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { type Acceptance, type Hotline, type Outcome, RelayProblem } from '../../client/index.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { agencyQueue } from '../../core/names.ts';
import type { LocalRelay } from '../relay.ts';
import { type AgencyAtWork, callAgency, callHotline } from './cast.ts';
import { collectTraces, countKmsUses, describeHoldings } from './exposure.ts';
import { type Narrator, toTable } from './narrator.ts';

const HOTLINE = 'gb-lantern';

/** A referral of the story, and what should have become of it: `agency status`, sorted. */
interface Referral {
  title: string;
  acceptance: Acceptance;
  expected: string[];
}

type Sample = { urgency: string } & Record<string, unknown>;

const sample = (name: string): Sample =>
  JSON.parse(readFileSync(new URL(`../../samples/${name}.json`, import.meta.url), 'utf8')) as Sample;

/**
 * The journey of every kind of referral, once: the case the project began with, then what else can happen.
 * @param log what the relay has logged so far, and goes on logging to
 */
export async function tellJourney(relay: LocalRelay, narrator: Narrator, log: readonly string[]): Promise<void> {
  const { chapter, say, check } = narrator;
  const hotline = await callHotline(relay, HOTLINE);
  const clearing = await callAgency(relay, 'int-clearing');
  const german = await callAgency(relay, 'de-kinderwacht');
  const american = await callAgency(relay, 'nam-harbor');
  const french = await callAgency(relay, 'fr-littoral');
  const referrals: Referral[] = [];

  async function submit(title: string, name: string, expected: string[]): Promise<Acceptance> {
    const { id } = await hotline.seal(sample(name));
    const started = performance.now();
    const acceptance = await hotline.submit(id);
    const took = Math.round(performance.now() - started);
    say(`${HOTLINE} seals samples/${name}.json (${sample(name).urgency}) as ${id} and submits it: 202 in ${took} ms`);
    referrals.push({ title, acceptance, expected });
    return acceptance;
  }

  chapter('Four accounts on a platform; nobody knows yet where anybody is');
  const { warnings } = await hotline.check(sample('four-accounts'), { offline: true });
  say(`Before sealing, the hotline is warned: ${warnings.map(({ code }) => code).join(', ') || 'of nothing'}.`);
  const four = await submit('four accounts', 'four-accounts', [
    'de-kinderwacht opened',
    'int-clearing opened',
    'nam-harbor opened',
  ]);
  check('No country is known, so it goes to the clearing house', routesOf(four) === 'int-clearing');
  await receives(narrator, clearing, four);
  say('The clearing house finds a suspect in DE and a child in CA, and sends it on. It uploads nothing.');
  const { routes } = await clearing.client.sendOn(
    { hotline: HOTLINE, id: four.id },
    { suspect: ['DE'], victim: ['CA'] },
  );
  check(`Now routed to ${routes.map(({ agency }) => agency).join(', ')}`, routes.length === 3);
  await receives(narrator, german, four);
  await receives(narrator, american, four);
  await german.client.answer({ hotline: HOTLINE, id: four.id }, { status: 'actionable', reason: 'case-opened' });
  await american.client.answer({ hotline: HOTLINE, id: four.id }, { status: 'closed', reason: 'child-safeguarded' });
  say('de-kinderwacht answers "actionable: case-opened"; nam-harbor answers "closed: child-safeguarded".');

  chapter('A child in danger now; both countries are known');
  const immediate = await submit('immediate', 'immediate', ['de-kinderwacht opened', 'nam-harbor opened']);
  check('It takes the urgent lane to both agencies', routesOf(immediate) === 'de-kinderwacht, nam-harbor');
  await receives(narrator, german, immediate);
  await receives(narrator, american, immediate);

  chapter('A routine referral, submitted twice');
  const routine = await submit('routine', 'routine', ['fr-littoral opened']);
  const again = await hotline.submit(routine.id, { resend: true });
  check('The same bytes again get the very same answer', JSON.stringify(again) === JSON.stringify(routine));
  await receives(narrator, french, routine);

  chapter('A country that nobody serves');
  const unserved = await submit('unserved country', 'unserved-country', ['int-clearing opened']);
  check('The clearing house takes what nobody is registered for', routesOf(unserved) === 'int-clearing');
  await receives(narrator, clearing, unserved);
  await clearing.client.answer(
    { hotline: HOTLINE, id: unserved.id },
    { status: 'not-actionable', reason: 'no-resources' },
  );

  chapter('A referral changed on its way');
  const tampered = await callHotline(relay, HOTLINE, { fetch: changeBody });
  await refuses(narrator, 'malformed', 'One changed character and the relay refuses it', () =>
    tampered.submit({ ...sample('routine'), routing: { suspect: ['BE'], victim: [] } }),
  );

  chapter('A referral that the hotline does not allow to be sent on');
  const closed = await submit('onward refused', 'onward-refused', ['int-clearing opened']);
  await receives(narrator, clearing, closed);
  await refuses(narrator, 'onward-refused', 'The clearing house tries to send it on and may not', () =>
    clearing.client.sendOn({ hotline: HOTLINE, id: closed.id }, { suspect: ['DE'], victim: [] }),
  );

  chapter('A referral submitted in error, and withdrawn');
  const mistaken = await submit('withdrawn', 'text-only-grooming', [
    'gb-crossbar withdrawn',
    'gb-crossbar-north withdrawn',
    'int-clearing withdrawn',
  ]);
  const inbox = relay.queueUrl(agencyQueue(relay.stage, 'gb-crossbar', 'urgent'));
  await untilWaiting(relay, inbox, 1);
  await hotline.withdraw(mistaken.id, 'error');
  await untilWaiting(relay, inbox, 2);
  say('Before gb-crossbar comes to its queue, the withdrawal is there as well.');
  const crossbar = await callAgency(relay, 'gb-crossbar');
  while (!crossbar.withdrawals.some(({ id }) => id === mistaken.id)) await crossbar.work();
  check('It is told, and never opens the referral', !crossbar.opened.has(mistaken.id));

  chapter('The hotline collects what became of everything');
  say('The relay’s minute sweep brings along what it has to report itself.');
  await relay.sweepNow();
  const outcomes = await collect(hotline);
  for (const outcome of outcomes) say(`${titleOf(referrals, outcome)}: ${inWords(outcome)}`);
  const unverified = outcomes.filter((outcome) => outcome.kind === 'outcome' && outcome.check !== 'verified');
  check(`${outcomes.length} items, every signature verified by the hotline itself`, unverified.length === 0);

  chapter('What the relay itself held of the first referral');
  for (const line of await describeHoldings(relay, { hotline: HOTLINE, id: four.id })) say(line);
  await showBlindness(relay, narrator, log, german.opened.get(four.id)?.referral);

  chapter('What happened');
  await summarise(narrator, hotline, referrals);
}

const routesOf = ({ routes }: Acceptance): string => routes.map(({ agency }) => agency).join(', ');

/** Works until the agency has opened this referral. */
async function receives({ check }: Narrator, agency: AgencyAtWork, { id }: Acceptance): Promise<void> {
  while (!agency.opened.has(id)) await agency.work();
  const { roles = [], countries = [] } = agency.opened.get(id) ?? {};
  const why = countries.length > 0 ? `${roles.join(' and ')} in ${countries.join(', ')}` : 'as the fallback';
  check(`${agency.id} opens it (${why})`, true);
}

async function refuses({ check }: Narrator, code: ErrorCode, line: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
    check(`${line}: it was taken`, false);
  } catch (error) {
    if (!(error instanceof RelayProblem)) throw error;
    check(`${line}: ${error.status} ${error.code}`, error.code === code);
  }
}

/** Somebody between hotline and relay who changes one character of what passes. */
const changeBody = (url: string, init: RequestInit): Promise<Response> => {
  if (!(init.body instanceof Uint8Array)) return fetch(url, init);
  const body = Uint8Array.from(init.body);
  const last = body.length - 4;
  body[last] = (body[last] ?? 0) ^ 1;
  return fetch(url, { ...init, body });
};

/** Waits until so many messages lie in a queue. */
async function untilWaiting({ clients }: LocalRelay, QueueUrl: string, messages: number): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const { Attributes } = await clients.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
    );
    if (Number(Attributes?.ApproximateNumberOfMessages) >= messages) return;
    await delay(50);
  }
  throw new Error(`${QueueUrl} did not get ${messages} messages.`);
}

async function collect(hotline: Hotline): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of hotline.outcomes({ drain: true })) outcomes.push(outcome);
  return outcomes;
}

const titleOf = (referrals: readonly Referral[], { referral }: Outcome): string =>
  referrals.find(({ acceptance }) => acceptance.id === referral)?.title ?? referral;

function inWords(outcome: Outcome): string {
  if (outcome.kind === 'event') {
    return `the relay reports "${outcome.event}" by ${outcome.agency ?? '?'} to ${outcome.countries?.join(', ') ?? '?'}`;
  }
  if (outcome.check !== 'verified') return `a statement that is ${outcome.check}`;
  const { agency, status, reason } = outcome.payload;
  return `${agency} states "${status}${reason === undefined ? '' : `: ${reason}`}"`;
}

/** Looks for words of the document in all that the relay has written, having made sure that they are in the document. */
async function showBlindness(
  relay: LocalRelay,
  { check, say }: Narrator,
  log: readonly string[],
  document: unknown,
): Promise<void> {
  const words = ['amber_kite_01', '198.51.100.17', 'PixelNest', 'duty@hotline.example'];
  const traces = await collectTraces(relay, log);
  const inside = words.filter((word) => JSON.stringify(document).includes(word));
  const leaked = words.filter((word) => traces.includes(word));
  say(`Its whole ledger, its logs and the key service's log are ${traces.length.toLocaleString('en')} characters.`);
  check(
    `Of ${inside.length} words that the agency read in the document, ${leaked.length} are in them`,
    inside.length === words.length && leaked.length === 0,
  );
  const uses = countKmsUses(relay);
  const counts = [...uses].map(([operation, count]) => `${operation} ${count}`).join(', ');
  check(
    `The relay asked the key service for: ${counts}; never for Decrypt`,
    (uses.get('ReEncrypt') ?? 0) > 0 && !uses.has('Decrypt'),
  );
}

async function summarise({ say, check }: Narrator, hotline: Hotline, referrals: readonly Referral[]): Promise<void> {
  const rows: string[][] = [['referral', 'agency', 'status', 'answers']];
  const surprises: string[] = [];
  for (const { title, acceptance, expected } of referrals) {
    const { routes } = await hotline.status(acceptance.id);
    for (const { agency, status, statements } of routes) {
      const answers = statements.map((one) => (one.check === 'verified' ? one.payload.status : one.check));
      rows.push([title, agency, status, answers.join(', ')]);
    }
    const actual = routes.map(({ agency, status }) => `${agency} ${status}`).sort();
    if (JSON.stringify(actual) !== JSON.stringify(expected)) surprises.push(title);
  }
  for (const line of toTable(rows)) say(line);
  check(`${referrals.length} referrals, each where it should be`, surprises.length === 0);
}
