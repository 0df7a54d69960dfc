import { join } from 'node:path';
import { beforeEach } from 'vitest';
import { quote } from '../../client/cli/failure.ts';
import type { Io } from '../../client/cli/io.ts';
import { createHotline, type Hotline } from '../../client/hotline.ts';
import { agencyQueue, type Lane } from '../../core/names.ts';
import type { ReferralDraft } from '../../core/referral.ts';
import { toTimestamp } from '../../core/time.ts';
import { command, type Heard, temporaryFolder } from './command.ts';
import { type Exchange, hotlineOptions } from './partners.ts';
import { agencyMachine, writeAgency } from './profiles.ts';
import { sampleDraft } from './referrals.ts';
import { type AgencyId, STAGE, World } from './world.ts';

export const HOTLINE = 'gb-hotline';
export const POLICE = 'de-police';
export const immediate = sampleDraft('immediate');
export const routine: ReferralDraft = { ...sampleDraft('routine'), routing: { suspect: ['DE'], victim: [] } };

/** What each test has of its own. */
interface AtCommand {
  world: World;
  /** Exchanges of the agency with the relay. */
  log: Exchange[];
  hotline: Hotline;
  /** The profile of {@link POLICE}. */
  home: string;
}

/** An agency at the command line, to which a hotline refers, in a world of its own for each test; call at the top level. */
export function agencyAtCommand() {
  const folder = temporaryFolder();
  const the = {} as AtCommand;
  beforeEach(async () => {
    const world = new World();
    const home = folder.path(POLICE);
    Object.assign(the, { world, log: [], hotline: createHotline(hotlineOptions(world, HOTLINE)), home });
    await writeAgency(home, POLICE);
  });

  return {
    the,
    folder,

    submit: async (draft: ReferralDraft = immediate): Promise<string> => {
      const { id } = await the.hotline.submit(draft);
      await the.world.dispatch();
      return id;
    },

    /** `referral-relay agency …args` */
    agency: (args: readonly string[], io: Partial<Io> = {}, id: AgencyId = POLICE): Promise<Heard> =>
      command(['agency', ...args, '--profile', folder.path(id)], { ...agencyMachine(the.world, id, the.log), ...io }),

    /** Bodies of what is in a queue, hidden or not. */
    left: (lane: Lane = 'urgent', id: AgencyId = POLICE) => the.world.queues.bodies(agencyQueue(STAGE, id, lane)),

    /** Statements that the relay took, as "agency status". */
    stated: (id: string): string[] =>
      the.world.ledger
        .record({ hotline: HOTLINE, id })
        .statements.flatMap(({ content }) =>
          content.type === 'outcome' ? [`${content.agency} ${content.status}`] : [],
        ),

    now: (): string => `${toTimestamp(the.world.clock.now()).slice(0, 16).replace('T', ' ')} UTC`,

    /** Where documents are, and how to see them again. */
    kept: (where?: string): string => {
      const again = `agency show${where === undefined ? '' : ` --out ${quote(where)}`} --profile ${quote(the.home)}`;
      return `Whole documents, which hold personal data, are in ${where ?? join(the.home, 'opened')}.\nTo list them again, or to show one: referral-relay ${again}`;
    },
  };
}
