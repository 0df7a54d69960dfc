import { actionsOn } from './actions.ts';
import type { Possibility } from './administrator.ts';
import type { Deployment, Sort } from './deployment.ts';
import type { Findings, Held, Permission, Refusal } from './findings.ts';
import type { Circumstance } from './matrix.ts';

/* The audit in Markdown, for people. */

const TITLES: Readonly<Record<Sort, string>> = {
  'intake key': 'Intake key of a hotline',
  'agency key': 'Key of an agency',
  'alarm key': 'Key of the alarms',
  'inbox of an agency': 'Inbox of an agency',
  'dead letters of an agency': 'Dead letters of an agency',
  'inbox of a hotline': 'Inbox of a hotline',
  'dispatch queue': 'Dispatch queues',
  'dispatch dead letters': 'Dead letters of dispatch',
  ledger: 'Ledger',
  'index of the ledger': 'Index of the ledger over what is due',
  'log of a function': 'Log of a function',
  'alarm topic': 'Topic of the alarms',
  'page of an agency': 'Page of an agency',
  sweep: 'Function sweep',
  'another function': 'Function other than sweep',
  'role of a function': 'Role of a function',
  'role of CodeDeploy': 'Role of CodeDeploy',
  'role of an agency': 'Role of an agency that signs in with a certificate',
  'role of the operator': "Role of the operator's command",
  'key of no partner': 'Key of no partner',
  'key open to all': 'Key open to all',
  'queue of no partner': 'Queue of no partner',
  'queue open to all': 'Queue open to all',
};

export interface Report {
  /** What was audited: a stage, or an example. */
  subject: string;
  deployment: Deployment;
  findings: Findings;
  possibilities: readonly Possibility[];
}

export async function toMarkdown({ subject, deployment, findings, possibilities }: Report): Promise<string> {
  const { permissions, refusals, questions } = findings;
  const sections: string[] = [];
  const notes: string[] = [];
  const list = (actions: readonly string[], all: readonly string[]): string => listActions(actions, all, notes);
  for (const sort of Object.keys(TITLES).filter(isSort)) {
    const all = (await actionsOn(sort)).map(({ name }) => name);
    for (const held of ['by the relay', 'by the partner'] satisfies Held[]) {
      const isMeant = (one: { sort: Sort; held: Held }): boolean => one.sort === sort && one.held === held;
      const things = deployment.things.filter(
        (thing) => thing.sort === sort && (thing.account === deployment.place.account) === (held === 'by the relay'),
      );
      const [example] = things;
      if (!example) continue;
      const never = refusals.filter(isMeant);
      sections.push(
        `## ${TITLES[sort]}${held === 'by the partner' ? ', in an account of its own' : ''}`,
        things.length === 1 ? `\`${example.arn}\`` : `${things.length} of them, such as \`${example.arn}\``,
        table(
          ['who', 'may', 'by'],
          permissions
            .filter(isMeant)
            .map((row) => [nameWho(row), list(row.actions, all) + when(row), row.by.join('; ')]),
        ),
        ...(never.length > 0
          ? [
              `Refused whatever else is allowed:\n\n${never.map((row) => refuse(row, list(row.actions, all))).join('\n')}`,
            ]
          : []),
      );
    }
  }
  return [
    `# Who may do what: ${subject}`,
    INTRODUCTION(questions),
    ...sections,
    '## What is left to an administrator',
    ADMINISTRATOR,
    table(
      ['what he could do', 'calls', 'with the control policy', 'seen in CloudTrail as', 'key alarm'],
      possibilities.map((one) => [
        one.what,
        one.calls.map(([action, target]) => `${action} (${target})`).join(', '),
        fate(one),
        `${one.events.join(', ')}${one.note === undefined ? '' : `. ${one.note}`}`,
        one.alarmed ? 'yes' : 'no',
      ]),
    ),
    LIMITS,
    ...(notes.length > 0 ? ['## Notes', notes.map((note, index) => `${index + 1}. ${note}`).join('\n')] : []),
  ].join('\n\n');
}

const INTRODUCTION = (questions: number): string =>
  `${questions} questions were put to an IAM policy simulator (@cloud-copilot/iam-simulate) with the policies of the ` +
  'synthesized templates: every role of the relay, every agency, administrators, strangers, anonymous callers, services ' +
  'of AWS and the roles of another stage, with every action that AWS has for a thing, with and without TLS, under the ' +
  'right, a wrong and no encryption context. What is not listed, nobody may. Whoever has an account of his own is assumed ' +
  'to be allowed everything by it.';

const ADMINISTRATOR =
  'Of the account of the relay. The control policy is `deploy/service-control-policy.json`, attached by another party; ' +
  'with it, what is closed is left to the break-glass role alone. Each call below was put to the simulator too.';

const LIMITS =
  'Not looked at: which services of AWS may call a function, and who may call the API (the functions verify signatures themselves), what a partner lets ' +
  'its own people do, and policies that are in no template of this stage.';

const isSort = (name: string): name is Sort => name in TITLES;

function nameWho({ who, things, everywhere }: Permission): string {
  if (everywhere) return who;
  const names = things.map(
    (arn) =>
      arn
        .replace(/:log-stream:.*$/, '')
        .split(/[:/]/)
        .at(-1) ?? arn,
  );
  return `${who} (${names.length > 3 ? `of ${names.length}, such as ${names[0]}` : names.join(', ')})`;
}

/** Beyond this, a list of actions goes to the notes. */
const LONG = 12;

function listActions(actions: readonly string[], all: readonly string[], notes: string[]): string {
  if (actions.length === all.length) return 'everything';
  const others = all.filter((action) => !actions.includes(action));
  if (others.length < LONG && others.length < actions.length) return `everything but ${others.toSorted().join(', ')}`;
  const text = actions.toSorted().join(', ');
  if (actions.length < LONG) return text;
  if (!notes.includes(text)) notes.push(text);
  return `${actions.length} of ${all.length} actions ([note ${notes.indexOf(text) + 1}](#notes))`;
}

function when({ who, circumstances }: Permission): string {
  const has = (one: Circumstance): boolean => circumstances.includes(one);
  if (has('without TLS')) return ', even without TLS';
  if (has('of a suspension') && !has('usual')) return ', of suspensions alone';
  if (has('own name') && !has('no name')) return ", with this agency's id in the encryption context";
  if (!has('own source') || has('another source here')) return '';
  return who.startsWith('rolesanywhere') ? ', for its own trust anchor and common name' : ', for alarms of this stage';
}

const refuse = ({ by, spared, withoutTls }: Refusal, actions: string): string => {
  const but = spared.length === 0 ? '' : ` but ${spared.join(', ')}`;
  return `- ${actions}: to everybody${but}${withoutTls ? ', without TLS' : ''} (${by.join(', ')})`;
};

function fate({ open, closedBy, refusedAnyway }: Possibility): string {
  const anyway = refusedAnyway.length > 0 ? `refused by the key itself (${refusedAnyway.join(', ')}); ` : '';
  return open ? 'possible' : `${anyway}closed (${closedBy.join(', ')})`;
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
