import * as z from 'zod/mini';
import { decodeBase64url, encodeBase64url } from '../base64url.ts';
import type { InboxItem } from '../contracts.ts';
import { RelayError } from '../errors.ts';
import type { ReferralName } from '../ids.ts';
import { parseJson } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { Relay } from '../ports.ts';
import type { Hotline } from '../registry.ts';
import { ReferralId } from '../schema.ts';
import { MINUTE, SECOND } from '../time.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'clock'>;

/** What a receipt stands for; a hotline can only make ones that reach its own queue and its own rows. */
const Receipt = z.tuple([z.string(), ReferralId, z.string().check(z.maxLength(200))]);

/**
 * The next items of the hotline's inbox (protocol section 7), each with the receipt that acknowledges it.
 * @throws {RelayError} `slow-down` if too many calls of this hotline wait already
 */
export async function receiveOutcomes(
  relay: Parts,
  hotline: Hotline,
  { max, wait }: { max: number; wait: number },
): Promise<{ items: (InboxItem & { receipt: string })[] }> {
  const { queues } = relay;
  if (wait > 0) await keepPlaces(relay, hotline, wait);
  const received = await queues.receive(hotline.id, max, wait);
  return {
    items: received.map(({ handle, message: { key, item } }) => ({
      receipt: writeReceipt([handle, item.referral, key]),
      ...item,
    })),
  };
}

/**
 * A call that waits holds a place which other hotlines need. Nobody knows how many do so now; but the time that they may
 * wait can be counted as it is asked for, and so their number is bounded.
 */
async function keepPlaces({ ledger, clock }: Parts, hotline: Hotline, wait: number): Promise<void> {
  const perMinute = (LIMITS.waitingReceives * MINUTE) / (wait * SECOND);
  if (await ledger.take(hotline.id, 'waiting', perMinute, clock.now())) return;
  const detail = `Call again in a moment: of one hotline, ${LIMITS.waitingReceives} calls may wait at the same time, and each counts with the wait that it asks for; one with a wait of 0 is not counted.`;
  throw new RelayError('slow-down', detail, { retryAfter: Math.ceil(wait / LIMITS.waitingReceives) });
}

/**
 * Takes items off the inbox for good. The ledger is told first: if this ends half-way, the item comes back once more
 * rather than being owed again in thirteen days. Unknown receipts are ignored.
 */
export async function acknowledgeOutcomes(
  { ledger, queues }: Pick<Parts, 'ledger' | 'queues'>,
  hotline: Hotline,
  receipts: readonly string[],
): Promise<{ acknowledged: number }> {
  const known = receipts.flatMap((text) => readReceipt(text) ?? []);
  for (const { id, key } of known) await settle(ledger, { hotline: hotline.id, id }, key);
  if (known.length > 0) {
    await queues.remove(
      hotline.id,
      known.map(({ handle }) => handle),
    );
  }
  return { acknowledged: known.length };
}

async function settle(ledger: Relay['ledger'], name: ReferralName, key: string): Promise<void> {
  for (;;) {
    const row = (await ledger.read(name)).statements.find((statement) => statement.key === key);
    // Statements that route or withdraw are owed to deliver; no receipt settles those.
    if (!row?.due || (row.content.type !== 'outcome' && row.content.type !== 'event')) return;
    if (await ledger.replace({ ...row, due: undefined })) return;
  }
}

const writeReceipt = (receipt: z.infer<typeof Receipt>): string =>
  encodeBase64url(Buffer.from(JSON.stringify(receipt)));

function readReceipt(text: string): { handle: string; id: string; key: string } | undefined {
  const bytes = decodeBase64url(text);
  if (!bytes) return undefined;
  try {
    const receipt = Receipt.safeParse(parseJson(bytes));
    if (!receipt.success) return undefined;
    const [handle, id, key] = receipt.data;
    return { handle, id, key };
  } catch {
    return undefined;
  }
}
