import { type Sort, type Thing, WHATEVER } from './deployment.ts';
import { type Cell, type Circumstance, whoIs } from './matrix.ts';
import type { Voice } from './simulator.ts';
import type { World } from './surroundings.ts';

/* The matrix put together: what may be done with all things of a sort, and what is refused, in as few lines as it takes. */

/** In whose account a thing is. */
export type Held = 'by the relay' | 'by the partner';

/** The same actions, on the same things, in the same circumstances, for the same reasons. */
export interface Permission {
  sort: Sort;
  held: Held;
  /** What one must be to the thing (`whoIs`). */
  who: string;
  actions: string[];
  circumstances: Circumstance[];
  /** Statements that allow it, and where each stands. */
  by: string[];
  /** ARNs. */
  things: string[];
  /** Whether nothing of the sort is left out that this one was asked about. */
  everywhere: boolean;
}

/** What is refused whatever else is allowed. */
export interface Refusal {
  sort: Sort;
  held: Held;
  actions: string[];
  /** Whether it is about calls without TLS. */
  withoutTls: boolean;
  /** Who is spared, and when. */
  spared: string[];
  by: string[];
}

export interface Findings {
  questions: number;
  permissions: Permission[];
  refusals: Refusal[];
}

/** Of the stage's own things; what lies elsewhere was asked about to see that nobody of the stage gets at it. */
export async function gather(world: World, cells: AsyncIterable<Cell>): Promise<Findings> {
  const { account } = world.stage.place;
  const grants = new Grants();
  const denials = new Denials();
  let questions = 0;
  for await (const cell of cells) {
    questions += 1;
    if (world.elsewhere.includes(cell.thing)) continue;
    const [who = 'nobody'] = whoIs(cell.actor, cell.thing);
    const held = cell.thing.account === account ? 'by the relay' : 'by the partner';
    grants.add(who, held, cell);
    denials.add(who, held, cell);
  }
  return { questions, permissions: grants.list(), refusals: denials.list() };
}

interface Grant {
  sort: Sort;
  held: Held;
  who: string;
  action: string;
  circumstance: Circumstance;
  by: string[];
  things: Set<string>;
}

const same = ({ sort, held, who, by, things }: Grant): string => [sort, held, who, ...by, ...things].join('|');

class Grants {
  readonly #grants = new Map<string, Grant>();
  /** ARNs by sort and who. */
  readonly #asked = new Map<string, Set<string>>();

  add(who: string, held: Held, { thing, actions, circumstance, verdict }: Cell): void {
    const { sort, arn } = thing;
    remember(this.#asked, [sort, held, who].join('|'), arn);
    if (!verdict.allowed) return;
    const by = [...new Set([...verdict.byIdentity, ...verdict.byResource].map((voice) => cite(voice, thing)))];
    for (const action of actions) {
      const key = [sort, who, action, circumstance, ...by].join('|');
      const grant = this.#grants.get(key) ?? { sort, held, who, action, circumstance, by, things: new Set() };
      this.#grants.set(key, grant);
      grant.things.add(arn);
    }
  }

  list(): Permission[] {
    const perAction = Map.groupBy(this.#grants.values(), (grant) => `${same(grant)}|${grant.action}`);
    const rows = Map.groupBy(perAction.values(), (grants) =>
      [grants[0] && same(grants[0]), ...grants.map(({ circumstance }) => circumstance)].join('|'),
    );
    return [...rows.values()].flatMap((row): Permission[] => {
      const [grants = []] = row;
      const [first] = grants;
      if (!first) return [];
      const { sort, held, who, by, things } = first;
      return [
        {
          sort,
          held,
          who,
          actions: row.flatMap(([grant]) => grant?.action ?? []),
          circumstances: grants.map(({ circumstance }) => circumstance),
          by,
          things: [...things],
          everywhere: things.size === this.#asked.get([sort, held, who].join('|'))?.size,
        },
      ];
    });
  }
}

interface Denial {
  sort: Sort;
  held: Held;
  action: string;
  withoutTls: boolean;
  /** Statements that refuse it to everybody who is not spared. */
  by: Set<string>;
  spared: Set<string>;
}

class Denials {
  readonly #denials = new Map<string, Denial>();

  add(who: string, held: Held, { thing: { sort }, actions, circumstance, verdict }: Cell): void {
    const withoutTls = circumstance === 'without TLS';
    for (const action of actions) {
      const key = [sort, held, action, withoutTls].join('|');
      const denial = this.#denials.get(key) ?? { sort, held, action, withoutTls, by: new Set(), spared: new Set() };
      this.#denials.set(key, denial);
      for (const { sid } of verdict.refusedBy) denial.by.add(sid);
      if (verdict.refusedBy.length === 0) denial.spared.add(NAMES.has(circumstance) ? `${who} (${circumstance})` : who);
    }
  }

  list(): Refusal[] {
    const refused = [...this.#denials.values()].filter(({ by }) => by.size > 0);
    const rows = Map.groupBy(refused, ({ sort, held, withoutTls, by, spared }) =>
      [sort, held, withoutTls, ...(withoutTls ? [] : by), '', ...spared].join('|'),
    );
    return [...rows.values()].flatMap((row): Refusal[] => {
      const [first, ...others] = row;
      if (!first) return [];
      const { sort, held, withoutTls, spared } = first;
      const by = [...first.by].filter((sid) => others.every((denial) => denial.by.has(sid)));
      return [{ sort, held, withoutTls, by, spared: [...spared], actions: row.map(({ action }) => action) }];
    });
  }
}

const NAMES: ReadonlySet<Circumstance> = new Set<Circumstance>(['own name', "another's name", 'no name']);

function remember(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  set.add(value);
}

/** The statement and where it stands, said so that what is alike for all partners reads alike. */
function cite({ sid, policy }: Voice, { owner = '' }: Thing): string {
  if (policy === WHATEVER) return 'own account (assumed)';
  const { title, stack } = policy;
  const whose = title === `role ${stack}` ? 'its role' : title.startsWith('trust ') ? 'trust' : title;
  const where = stack.startsWith('account ')
    ? "the partner's account"
    : `stack ${stack === owner ? 'of the partner' : stack}`;
  return `${sid} (${whose}, ${where})`;
}
