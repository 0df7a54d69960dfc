import { createPublicKey } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { beforeEach } from 'vitest';
import type { Io } from '../../client/cli/io.ts';
import type { OutcomeStatement } from '../../core/contracts.ts';
import { createHotline, type Hotline, type HotlineOptions } from '../../client/hotline.ts';
import { IntakeJwk, thumbprint } from '../../core/keys.ts';
import { makeIntakeKey } from '../doubles/memory-keys.ts';
import { command, type Heard, records, temporaryFolder } from './command.ts';
import { type Exchange, hotlineOptions, trustAll } from './partners.ts';
import { hotlineMachine, writeHotline } from './profiles.ts';
import { sampleDraft } from './referrals.ts';
import { type AgencyId, testRegistry, World } from './world.ts';

export const ID = 'gb-hotline';

/** What each test has of its own. */
interface AtWork {
  world: World;
  /** Exchanges with the relay. */
  log: Exchange[];
}

const submissionsIn = (log: readonly Exchange[]): Exchange[] =>
  log.filter(({ path, method }) => method === 'POST' && path === '/v1/referrals');

/** Retires the intake key of the hotline. @returns the fingerprint of the next one */
export function rotateIntakeKey(world: World): string {
  const next = makeIntakeKey();
  world.keys.createIntakeKey(ID, { generation: 2 }, next);
  const intakeKeys = [{ generation: 1, retiredAt: world.at() }, { generation: 2 }];
  world.registry = testRegistry({ [ID]: { intakeKeys } });
  return thumbprint(IntakeJwk.parse(createPublicKey(next).export({ format: 'jwk' })));
}

/** The client of a hotline, in a world of its own for each test; call at the top level. */
export function hotlineAtWork() {
  const the = {} as AtWork & { options: HotlineOptions; hotline: Hotline };
  beforeEach(() => {
    const [world, log]: [World, Exchange[]] = [new World(), []];
    const options = hotlineOptions(world, ID, log);
    Object.assign(the, { world, log, options, hotline: createHotline(options) });
  });
  return { the, submissions: () => submissionsIn(the.log), name: (id: string) => ({ hotline: ID, id }) };
}

/** The command of a hotline with a profile and a folder for drafts, for each test; call at the top level. */
export function hotlineCommand() {
  const folder = temporaryFolder();
  const the = {} as AtWork & { home: string };
  beforeEach(async () => {
    Object.assign(the, { world: new World(), log: [], home: folder.path('profile') });
    await writeHotline(the.home, ID);
    await mkdir(folder.path('drafts'));
  });
  const hotline = (args: readonly string[], io: Partial<Io> = {}): Promise<Heard> =>
    command(['hotline', ...args, '--profile', the.home], { ...hotlineMachine(the.world, the.log), ...io });

  /** @returns the path of a draft that is a file now */
  async function write(name: string, draft: unknown): Promise<string> {
    const file = folder.path('drafts', name);
    await writeFile(file, typeof draft === 'string' ? draft : JSON.stringify(draft));
    return file;
  }

  return {
    the,
    folder,
    hotline,
    write,
    submit: (args: readonly string[], io?: Partial<Io>) => hotline(['submit', ...args], io),

    /** Submits a draft and delivers it; its id. */
    submitted: async (draft: unknown = sampleDraft('immediate')): Promise<string> => {
      const [record] = records(await hotline(['submit', await write('submitted.json', draft), '--json']));
      await the.world.dispatch();
      return (record as { id: string }).id;
    },

    /** The agency states something. */
    state: (agency: AgencyId, id: string, stated?: Partial<OutcomeStatement>): Promise<void> =>
      the.world.state(agency, { hotline: ID, id }, stated),

    /** Keys of all but this agency are confirmed. */
    distrust: async (agency: AgencyId): Promise<void> => {
      const { partners, ...rest } = await trustAll(ID).read();
      const { [agency]: _, ...others } = partners;
      await writeHotline(the.home, ID, { confirmed: { partners: others, ...rest } });
    },

    /** How many submissions reached the relay. */
    sent: (): number => submissionsIn(the.log).length,
  };
}
