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
  const receive = () => relay.queues.receive(hotline.id, max, wait);
  const received = await (wait > 0 ? inPlace(relay, hotline, wait, receive) : receive());
  return {
    items: received.map(({ handle, message: { key, item } }) => ({
      receipt: writeReceipt([handle, item.referral, key]),
      ...item,
    })),
  };
}

/**
 * A call that waits holds a place which other hotlines need. Nobody knows how many do so now; but the time that they may
 * wait is counted as it is asked for, and given back where it was not needed, and so their number is bounded. What could not
 * be given back comes back with time.
 */
async function inPlace<T>(
  { ledger, clock }: Parts,
  { id }: Hotline,
  wait: number,
  receive: () => Promise<T>,
): Promise<T> {
  const begun = clock.now();
  if (!(await ledger.take(id, 'waiting', (LIMITS.waitingReceives * MINUTE) / (wait * SECOND), begun))) {
    const detail = `Call again in a moment: of one hotline, ${LIMITS.waitingReceives} calls may wait at the same time; one with a wait of 0 is not counted.`;
    throw new RelayError('slow-down', detail, { retryAfter: Math.ceil(wait / LIMITS.waitingReceives) });
  }
  try {
    return await receive();
  } finally {
    const unused = begun + wait * SECOND - clock.now();
    if (unused > 0) await ledger.giveBack(id, 'waiting', unused / LIMITS.waitingReceives).catch(() => undefined);
  }
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
