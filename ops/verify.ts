import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createAgency } from '../client/agency.ts';
import { CommandError, EXIT, usageError } from '../client/cli/exit.ts';
import { createHotline, type Hotline } from '../client/hotline.ts';
import { type AgencyProfile, type HotlineProfile, loadAgencyProfile, loadHotlineProfile } from '../client/profile.ts';
import type { ReferralName } from '../core/ids.ts';
import { SECOND, toTimestamp } from '../core/time.ts';
import { done, type Ending, refusal, type Session } from './session.ts';

/*
 * A canary: a referral from a test hotline to a test agency, through the whole deployed relay, as partners use it. It is
 * addressed to the country ZZ, which only test agencies are registered for (protocol, "Conventions").
 */

const COUNTRY = 'ZZ';
/** Profiles that a relay on this machine has anyway. */
const LOCAL = { hotline: 'zz-test-hotline', agency: 'zz-test-agency' };

export interface VerifyOptions {
  /** Folders of the profiles of the test partners. */
  hotline?: string;
  agency?: string;
  /** How many seconds the canary may take. */
  timeout: number;
}

/** Sends a canary, opens and answers it as the test agency, and waits until the test hotline has heard of both. */
export async function verify(session: Session, options: VerifyOptions): Promise<Ending> {
  const { cloud, now, show } = session;
  const profiles = await loadProfiles(session, options);
  const started = now();
  const deadline = started + options.timeout * SECOND;
  const steps: { step: string; ms: number }[] = [];
  const reached = (step: string): void => void steps.push({ step, ms: now() - started });

  const hotline = createHotline({ ...profiles.hotline, runtime: session.io.runtime });
  const { id, routes } = await hotline.submit(makeCanary(started));
  reached('accepted');
  const name = { hotline: profiles.hotline.id, id };
  if (!(await cloud.ledger.read(name)).referral) {
    throw refusal(
      'other-relay',
      `The canary ${id} was accepted by another relay: the profile of ${name.hotline} is not of this one.`,
    );
  }
  const to = profiles.agency.id;
  if (!routes.some(({ agency }) => agency === to)) {
    throw refusal('not-routed', `The canary ${id} was accepted, and not routed to ${to}: is ${to} deployed for ZZ?`);
  }
  await openAndAnswer(session, profiles.agency, name, deadline);
  reached('opened');
  await hear(session, hotline, name, to, deadline);
  reached('answered');
  const route = (await hotline.status(id)).routes.find(({ agency }) => agency === to);
  if (route?.status !== 'opened') {
    throw refusal('not-opened', `The canary ${id} was opened, and its status says "${route?.status ?? 'no route'}".`);
  }
  reached('shown as opened');
  const lines = steps.map(({ step, ms }) => `${step} after ${ms} ms`);
  await show({ canary: name, agency: to, steps }, `The canary ${id} was ${lines.join(', ')}.`);
  return done(`canary ${name.hotline}/${id} answered after ${now() - started} ms`);
}

async function loadProfiles(
  { cloud }: Session,
  options: VerifyOptions,
): Promise<{ hotline: HotlineProfile; agency: AgencyProfile }> {
  const folder = (role: 'hotline' | 'agency'): string => {
    const given = options[role] ?? (cloud.local && join(cloud.local.profiles, LOCAL[role]));
    if (given === undefined) throw usageError(`Name the profile of the test ${role}: --${role} DIR.`);
    return given;
  };
  const hotline = await loadHotlineProfile(folder('hotline'));
  const agency = await loadAgencyProfile(folder('agency'));
  const { hotlines, agencies } = cloud.registry;
  const registered = agencies.get(agency.id);
  if (!hotlines.has(hotline.id))
    throw refusal('unknown-hotline', `${hotline.id} is not in the registry of this stage.`);
  if (!registered) throw refusal('unknown-agency', `${agency.id} is not in the registry of this stage.`);
  if (registered.countries.some((country) => country !== COUNTRY) || registered.fallback) {
    throw refusal('no-test-agency', `${agency.id} takes real referrals: verify with an agency that has ZZ alone.`);
  }
  return { hotline, agency };
}

/** The file that it names is the text "canary". */
const makeCanary = (now: number): object => ({
  schema: 'referral/1',
  routing: { suspect: [COUNTRY], victim: [] },
  urgency: 'high',
  urgencyReason: 'None: a test of the relay.',
  onward: 'refused',
  incident: {
    type: 'possession-manufacture-distribution',
    at: toTimestamp(now),
    summary: 'A canary: a test of the relay by its operator. There is no case.',
  },
  files: [{ hashes: { sha256: createHash('sha256').update('canary').digest('hex') } }],
  handling: { tlp: 'GREEN' },
});

/** Works off whatever waits for the test agency until the canary has come. */
async function openAndAnswer(
  session: Session,
  profile: AgencyProfile,
  name: ReferralName,
  deadline: number,
): Promise<void> {
  const { io, now } = session;
  const agency = createAgency({ ...profile, aws: io.aws, runtime: io.runtime });
  const handed = new Set<string>();
  const handlers = {
    referral: ({ hotline, id }: ReferralName): void => void handed.add(`${hotline}/${id}`),
  };
  while (!handed.has(`${name.hotline}/${name.id}`)) {
    if (now() >= deadline) throw late(name, 'was accepted, and has not come to the test agency');
    for (const delivery of await agency.poll({ wait: 2, signal: io.signal })) {
      const report = await agency.handle(delivery, handlers, io.signal);
      if (report.id !== name.id) continue;
      if (report.result === 'left') throw report.error;
      if (report.result === 'unreadable') {
        throw refusal('unreadable', `The test agency could not open the canary ${name.id}: ${report.reason}.`);
      }
    }
  }
  await agency.answer(name, { status: 'closed', reason: 'no-result' });
}

/** Collects answers until both statements about the canary have come, verified. */
async function hear(
  { io, now }: Session,
  hotline: Hotline,
  name: ReferralName,
  agency: string,
  deadline: number,
): Promise<void> {
  const missing = new Set<string>(['opened', 'closed']);
  while (missing.size > 0) {
    if (now() >= deadline)
      throw late(name, `was opened, and the hotline has not heard "${[...missing].join('" and "')}"`);
    for await (const outcome of hotline.outcomes({ drain: true, signal: io.signal })) {
      if (outcome.kind !== 'outcome' || outcome.referral !== name.id) continue;
      if (outcome.check === 'untrusted') throw outcome.error;
      if (outcome.check === 'invalid')
        throw refusal('invalid-statement', `An answer about the canary does not hold: ${outcome.detail}`);
      if (outcome.payload.agency === agency) missing.delete(outcome.payload.status);
    }
  }
}

const late = ({ id }: ReferralName, what: string): CommandError =>
  new CommandError(
    EXIT.unavailable,
    'late',
    `The canary ${id} ${what} in time.\nLook at "ops status" and at the log of deliver.`,
  );
