import { beforeEach } from 'vitest';
import { type Agency, type AgencyOptions, createAgency } from '../../client/agency.ts';
import type { AgencyReferral, DeliveryReport, Handlers } from '../../client/delivery.ts';
import { createHotline, type Hotline } from '../../client/hotline.ts';
import type { Runtime } from '../../client/runtime.ts';
import { agencyQueue, type Lane } from '../../core/names.ts';
import type { ReferralDraft } from '../../core/referral.ts';
import { agencyOptions, type Exchange, hotlineOptions } from './partners.ts';
import { sampleDraft } from './referrals.ts';
import { type AgencyId, STAGE, World } from './world.ts';

export const HOTLINE = 'gb-hotline';
export const POLICE = 'de-police';
export const immediate = sampleDraft('immediate');

/** What each test has of its own. */
interface AtWork {
  world: World;
  /** Exchanges of the agency with the relay. */
  log: Exchange[];
  hotline: Hotline;
  options: AgencyOptions;
  agency: Agency;
  /** What was handed over. */
  received: AgencyReferral[];
}

function start(): AtWork {
  const world = new World();
  const log: Exchange[] = [];
  const options = agencyOptions(world, POLICE, log);
  const hotline = createHotline(hotlineOptions(world, HOTLINE));
  return { world, log, hotline, options, agency: createAgency(options), received: [] };
}

/** The client of an agency to which a hotline refers, in a world of its own for each test; call at the top level. */
export function agencyAtWork() {
  const the = {} as AtWork;
  beforeEach(() => void Object.assign(the, start()));
  const take: Handlers = { referral: (referral) => void the.received.push(referral) };

  /** A way to the relay on which no statement gets through. */
  const unanswered: Runtime['fetch'] = (url, init) => {
    const { fetch = globalThis.fetch } = the.options.runtime ?? {};
    return url.endsWith('/outcomes') ? Promise.reject(new TypeError('fetch failed')) : fetch(url, init);
  };

  return {
    the,
    take,

    submit: async (draft: ReferralDraft = immediate): Promise<string> => {
      const { id } = await the.hotline.submit(draft);
      await the.world.dispatch();
      return id;
    },

    /** What is left in the queues of an agency, hidden or not. */
    left: (lane: Lane | 'dead' = 'urgent', of: AgencyId = POLICE) =>
      the.world.queues.bodies(agencyQueue(STAGE, of, lane)),

    /** Statements about a referral, as the ledger has them. */
    stated: (id: string) =>
      the.world.ledger
        .record({ hotline: HOTLINE, id })
        .statements.flatMap(({ content }) =>
          content.type === 'outcome' ? [[content.agency, content.status, content.reason ?? content.version]] : [],
        ),

    unanswered,

    /** Handles what there is, once. */
    handleAll: async (handlers: Handlers = take, from: Agency = the.agency): Promise<DeliveryReport[]> => {
      const reports = [];
      for (;;) {
        const deliveries = await from.poll({ wait: 0 });
        if (deliveries.length === 0) return reports;
        for (const delivery of deliveries) reports.push(await from.handle(delivery, handlers));
      }
    },
  };
}
