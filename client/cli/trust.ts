import type { TrustEntry } from '../trust.ts';
import { CommandError, EXIT, type Exit, usageError } from './exit.ts';
import { groups } from './keygen.ts';
import type { Session } from './session.ts';
import { count, moment } from './words.ts';

export interface TrustOptions {
  all?: boolean;
  yes?: boolean;
  fingerprint?: string[];
}

/** Shows the keys that are new or have changed, and confirms those that the user has compared. */
export async function trust(session: Session, partners: readonly string[], options: TrustOptions): Promise<Exit> {
  const { loadProfile } = await import('../profile.ts');
  const { kind } = await loadProfile(session.profileFolder());
  const client = kind === 'hotline' ? await session.openHotline() : await session.openAgency();
  const entries = (await client.reviewKeys()).filter(
    ({ partner }) => partners.length === 0 || partners.includes(partner),
  );
  const strangers = partners.filter((partner) => !entries.some((entry) => entry.partner === partner));
  if (strangers.length > 0) {
    throw new CommandError(
      EXIT.refused,
      'not-known',
      `You rely on no key of ${strangers.join(', ')}: "referral-relay trust${session.profileArgument}" lists whose keys you do.`,
    );
  }

  const open = entries.filter(({ state }) => state !== 'trusted');
  for (const entry of open) await session.show(toRecord(entry), describe(session, entry));
  const { fingerprint } = options;
  const asked = fingerprint ? findTold(entries, fingerprint) : entries;
  const left = asked.filter(({ state }) => state !== 'trusted');
  if (left.length === 0) {
    await session.note(`Nothing to confirm: ${count(asked.length, 'key')} trusted already.`);
    return EXIT.ok;
  }
  const named = partners.length > 0 || options.all === true;
  const chosen = fingerprint ? left : await choose(session, left, { ...options, named });
  if (chosen.length > 0) {
    await client.trustKeys(chosen);
    await session.note(`${count(chosen.length, 'key')} trusted from now on.`);
  }
  return chosen.length === left.length ? EXIT.ok : EXIT.trust;
}

/** The keys whose fingerprints the user was told; whether they are trusted already makes no difference. */
function findTold(entries: readonly TrustEntry[], fingerprints: readonly string[]): readonly TrustEntry[] {
  const heard = new Set(fingerprints.map((text) => text.replaceAll(/\s/g, '')));
  const told = entries.filter(({ kid }) => heard.delete(kid));
  if (heard.size === 0) return told;
  throw new CommandError(
    EXIT.trust,
    'fingerprint-differs',
    'A fingerprint that you gave is not among those listed, and nothing was confirmed.\nAsk its owner again; if it still differs, somebody may be posing as them: tell the operator of the relay.',
  );
}

/** The keys that the user confirms; none if they only wanted to see them. */
async function choose(
  { io, note, profileArgument }: Session,
  open: readonly TrustEntry[],
  { named, yes }: TrustOptions & { named: boolean },
): Promise<readonly TrustEntry[]> {
  const who = 'Compare each fingerprint with its owner, by telephone or in person (an intake key: with the operator).';
  if (!named) {
    await note(
      `${who}\nThen confirm: referral-relay trust PARTNER${profileArgument}, or trust --all${profileArgument}`,
    );
    return [];
  }
  if (yes) return open;
  if (!io.ask)
    throw usageError(
      `There is no terminal to ask at.\n${who}\nThen add --yes, or give what you heard with --fingerprint.`,
    );
  await note(who);
  const answer = await io.ask(
    `Do ${open.length === 1 ? 'the two' : `all ${open.length}`} agree? Type yes to trust them: `,
  );
  if (/^(y|yes)$/i.test(answer.trim())) return open;
  await note('Nothing was confirmed.');
  return [];
}

function describe({ style }: Session, { partner, use, kid, state, retiredAt }: TrustEntry): string {
  const what = state === 'changed' ? style.bad('CHANGED') : style.warning('new');
  const retired = retiredAt === undefined ? '' : `, retired ${moment(retiredAt)}`;
  return `${style.strong(partner)}  ${use} key, ${what}${retired}\n  ${groups(kid)}\n  ${kid}`;
}

const toRecord = ({ partner, use, kid, state, retiredAt }: TrustEntry): object => ({
  partner,
  use,
  fingerprint: kid,
  state,
  ...(retiredAt !== undefined && { retiredAt }),
});
