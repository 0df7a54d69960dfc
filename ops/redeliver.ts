import { usageError } from '../client/cli/exit.ts';
import { isPartnerId, isReferralId, type ReferralName } from '../core/ids.ts';
import { redeliver, type Redelivery } from '../core/use-cases/redeliver.ts';
import { findAgency, findHold } from './agencies.ts';
import { done, type Ending, refusal, relayOf, type Session } from './session.ts';

const REFUSALS: Readonly<Record<Exclude<Redelivery, 'owed'>, (agency: string) => string>> = {
  'not-found': (agency) => `The ledger knows no such referral for ${agency}: check hotline, id and agency.`,
  opened: (agency) =>
    `${agency} has stated that it opened it. If it has lost it since, add --opened: it then comes as a new version.`,
  superseded: () => 'A later version has taken its place.',
  undeliverable: () => 'It is undeliverable, for no key opens it. The hotline was told.',
  'handed-over': () => 'Another agency has taken it over. The hotline was told.',
  withdrawn: () => 'The hotline has withdrawn it.',
  'not-withdrawn': () => 'The hotline has not withdrawn it.',
  'content-removed': () => 'Its content is no longer kept: ask the hotline to submit it anew.',
};

/** Sends one referral to one of its agencies anew. */
export async function redeliverOne(
  session: Session,
  what: string,
  agency: string,
  { opened = false }: { opened?: boolean },
): Promise<Ending> {
  const { cloud, show } = session;
  const name = readName(what);
  await findAgency(cloud, agency);
  const result = await redeliver(relayOf(session), name, { agency, what: 'referral', evenIfOpened: opened });
  if (result !== 'owed') throw refusal(result, REFUSALS[result](agency));
  const hold = await findHold(cloud, agency);
  const text = hold
    ? `${what} is owed to ${agency} anew.\n${hold.text}`
    : `${what} goes to ${agency} anew within a minute.`;
  await show({ redeliver: what, agency, result, ...(hold && { held: hold.held }) }, text);
  return done(result);
}

/** @throws {CommandError} `usage` */
function readName(text: string): ReferralName {
  const [hotline = '', id = '', ...rest] = text.split('/');
  if (rest.length === 0 && isPartnerId(hotline) && isReferralId(id)) return { hotline, id };
  throw usageError('Name the referral as HOTLINE/ID, such as gb-lantern/0197a5b0-1111-7abc-8def-000000000000.');
}
