import * as z from 'zod/mini';
import {
  Acceptance,
  InboxItem,
  ReferralStatus,
  ROUTE_STATUSES,
  type Submission,
  TakenStatement,
} from '../core/contracts.ts';
import { ENDPOINTS, type EndpointName } from '../core/endpoints.ts';
import { RelayError } from '../core/errors.ts';
import { isPartnerId, isReferralId, type ReferralName } from '../core/ids.ts';
import { parse, PartnerId, Role } from '../core/schema.ts';
import { SECOND } from '../core/time.ts';
import { ClientError } from './errors.ts';
import type { Reply, Transport } from './transport.ts';

/* The calls of the API (protocol sections 3, 7 and 8), each with its answer parsed. */

const RoutesAnswer = z.object({
  routes: z.array(
    z.object({
      agency: PartnerId,
      roles: z.array(Role),
      countries: z.array(z.string()),
      status: z.optional(z.enum(ROUTE_STATUSES)),
    }),
  ),
  unrouted: z.optional(z.array(z.string())),
});
/** Where a referral goes, all told, with `status` once it is withdrawn; `unrouted`: countries that nobody takes. */
export type RoutesAnswer = z.infer<typeof RoutesAnswer>;

/** Items are parsed one by one, so that one from a later version does not take the others with it. */
const Received = z.object({ items: z.array(z.looseObject({ receipt: z.string() })) });
const Acknowledged = z.object({ acknowledged: z.int() });

/** One item of the inbox; `item` is `undefined` for one that this version cannot read, and `raw` as it came. */
export interface ReceivedItem {
  receipt: string;
  item: InboxItem | undefined;
  raw: Readonly<Record<string, unknown>>;
}

export interface RelayCalls {
  submit(submission: Submission): Promise<Acceptance>;
  route(name: ReferralName, statement: string): Promise<RoutesAnswer>;
  withdraw(name: ReferralName, statement: string): Promise<RoutesAnswer>;
  /** @returns the statement that stands: this one, or an earlier one that said the same */
  answer(name: ReferralName, statement: string): Promise<TakenStatement>;
  status(name: ReferralName): Promise<ReferralStatus>;
  /** @param wait seconds (0–20) that the relay may wait for the first item */
  receive(max: number, wait: number, signal?: AbortSignal): Promise<ReceivedItem[]>;
  acknowledge(receipts: readonly string[]): Promise<number>;
}

/** Every call throws as {@link Transport.call} does, and `unexpected-answer` for an answer that has not its form. */
export function createRelayCalls(transport: Transport): RelayCalls {
  const post = async (path: string, body: object): Promise<Reply> => transport.call({ method: 'POST', path, body });
  return {
    submit: async (submission) => read(Acceptance, await post(pathOf('submit'), submission)),
    route: async (referral, statement) => read(RoutesAnswer, await post(pathOf('route', referral), { statement })),
    withdraw: async (referral, statement) =>
      read(RoutesAnswer, await post(pathOf('withdraw', referral), { statement })),
    answer: async (referral, statement) => read(TakenStatement, await post(pathOf('answer', referral), { statement })),
    status: async (referral) =>
      read(ReferralStatus, await transport.call({ method: 'GET', path: pathOf('status', referral) })),
    async receive(max, wait, signal) {
      const call = { method: 'POST', path: pathOf('receive'), body: { max, wait } } as const;
      const { items } = read(Received, await transport.call({ ...call, hold: wait * SECOND, signal }));
      return items.map(({ receipt, ...raw }) => ({ receipt, item: InboxItem.safeParse(raw).data, raw }));
    },
    acknowledge: async (receipts) => read(Acknowledged, await post(pathOf('acknowledge'), { receipts })).acknowledged,
  };
}

/**
 * The path of an endpoint; `name` where it names a referral.
 * @throws {ClientError} `not-known` if that is no name of a referral
 */
export function pathOf(endpoint: EndpointName, name?: ReferralName): string {
  const path = ENDPOINTS.find((one) => one.name === endpoint)?.path;
  if (path === undefined) throw new TypeError(`there is no endpoint "${endpoint}"`);
  if (name === undefined) return path;
  if (!isPartnerId(name.hotline) || !isReferralId(name.id)) {
    throw new ClientError(
      'not-known',
      'Name the referral by the partner id of its hotline and its own id, a UUID of version 7 in lower case.',
    );
  }
  return path.replace('{hotline}', name.hotline).replace('{id}', name.id);
}

/** @throws {ClientError} `unexpected-answer` */
export function read<T extends z.ZodMiniType>(schema: T, { body }: Reply): z.output<T> {
  try {
    return parse(schema, body, 'malformed');
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    const [fault] = error.faults;
    const where = fault ? `${fault.pointer || 'it'} ${fault.detail}` : 'it has another form';
    throw new ClientError(
      'unexpected-answer',
      `The relay's answer is not as the protocol has it (${where}): update this client, or tell the operator.`,
    );
  }
}
