import { constants, publicEncrypt, randomBytes } from 'node:crypto';
import { hashText } from '../../core/base64url.ts';
import type { ReferralName } from '../../core/ids.ts';
import { signJws } from '../../core/jws.ts';
import { padDocument } from '../../core/padding.ts';
import type { Onward, Routing, Urgency } from '../../core/schema.ts';
import type { SealedHeader } from '../../core/sealed.ts';
import { encryptByHand, type Signer } from '../support/envelope.ts';
import type { KeyObject } from 'node:crypto';

/** What decides about a referral's way, inside and outside of the envelope. */
export interface Address {
  routing: Routing;
  urgency: Urgency;
  onward: Onward;
}

/** In every script and of every length: the longest makes a document larger than the smallest that is sealed. */
const SUMMARIES = [
  'A child was asked for pictures.',
  'Ein Kind wurde nach Bildern gefragt: „Größe?“',
  'Ребёнка просили прислать снимки. 子供が写真を求められた。 🙂',
  'e\u0301 is not é, and \ud83d\udc67\u200d\ud83d\udc66 are two children',
  'ß'.repeat(2_000),
];

/** A complete referral; its id decides what it tells. */
export const writeDocument = ({ hotline, id }: ReferralName, address: Address): object => ({
  schema: 'referral/1',
  id,
  hotline,
  writtenAt: '2026-11-23T09:30:00.000Z',
  ...address,
  ...(address.urgency !== 'routine' && { urgencyReason: 'A child may be in danger.' }),
  incident: { type: 'online-enticement', at: '2026-11-22T19:00:00.000Z', summary: summaryOf(id) },
  suspects: [{ emails: ['someone@example.org'] }],
  handling: { tlp: 'AMBER' },
});

const summaryOf = (id: string): string | undefined => SUMMARIES[Number.parseInt(id.slice(-4), 16) % SUMMARIES.length];

/** Sealed as protocol section 2 says, but for the content key, which is one of a few: to unwrap a key takes long. */
export async function seal(
  document: object,
  { signer, intakeKey, wrongly }: { signer: Signer; intakeKey: { key: KeyObject; kid: string }; wrongly: boolean },
): Promise<{ sealed: string; hash: string }> {
  const { kid, privateKey } = signer;
  const jws = await signJws(padDocument(JSON.stringify(document)), { kid, privateKey, typ: 'referral+jws' });
  const header = {
    alg: 'RSA-OAEP-256',
    enc: 'A256GCM',
    kid: intakeKey.kid,
    typ: 'referral+jwe',
    cty: 'referral+jws',
  } satisfies SealedHeader;
  const { contentKey, encryptedKey } = nextContentKey(intakeKey.key);
  const key = wrongly ? Buffer.alloc(encryptedKey.length, 7) : encryptedKey;
  const sealed = encryptByHand(jws, { header: JSON.stringify(header), contentKey, encryptedKey: key });
  return { sealed, hash: hashText(sealed) };
}

interface WrappedKey {
  contentKey: Buffer;
  encryptedKey: Buffer;
}

/** More than a hotline seals in nearly any run. */
const POOL = 16;
const pools = new WeakMap<KeyObject, { keys: WrappedKey[]; next: number }>();

function nextContentKey(publicKey: KeyObject): WrappedKey {
  const pool = pools.get(publicKey) ?? { keys: [], next: 0 };
  pools.set(publicKey, pool);
  const index = pool.next++ % POOL;
  return (pool.keys[index] ??= wrapNew(publicKey));
}

function wrapNew(publicKey: KeyObject): WrappedKey {
  const contentKey = randomBytes(32);
  const options = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return { contentKey, encryptedKey: publicEncrypt(options, contentKey) };
}
