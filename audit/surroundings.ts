import { agencyAlias, intakeAlias } from '../core/names.ts';
import type { Agency } from '../core/registry.ts';
import { ownKeysOf } from '../lib/own-keys.ts';
import { parseArn, roleArn } from '../lib/place.ts';
import { type Actor, type Deployment, type Thing, WHATEVER } from './deployment.ts';
import type { Policy } from './simulator.ts';

/*
 * Who and what there is beside a stage: administrators, strangers, services of AWS, another stage; and keys and queues
 * that would let anybody in, so that only a role's own policy can keep it from them.
 */

export interface World {
  stage: Deployment;
  /** Whoever may turn up anywhere, those first that most is to be feared from. */
  others: Actor[];
  /** Of all accounts in which partners have something, by account. */
  administrators: ReadonlyMap<string, Actor>;
  /** What is not of the stage, for its roles to stay away from. */
  elsewhere: Thing[];
}

/** An account that has nothing to do with the relay or a partner. */
export const STRANGER = '444455556666';

const SERVICES = ['lambda', 'codedeploy', 'rolesanywhere', 'cloudwatch', 'events', 'sns'];

/**
 * @param operators ARNs of those who may take on the operator's role
 * @param another stage in the same account, which must be as far away as a stranger
 */
export function surround(stage: Deployment, another: Deployment, operators: readonly string[] = []): World {
  const { place, registry } = stage;
  const partners = [...registry.hotlines.values(), ...registry.agencies.values()];
  const accounts = new Set([
    place.account,
    STRANGER,
    ...partners.flatMap(ownKeysOf).map((arn) => parseArn(arn).account),
    ...[...registry.agencies.values()].flatMap(accountOf),
  ]);
  return {
    stage,
    administrators: new Map(Array.from(accounts, (account) => [account, administrator(account, place.partition)])),
    others: [
      administrator(STRANGER, place.partition),
      {
        kind: 'anybody',
        name: 'a role called like deliver, in another account',
        principal: roleArn({ ...place, account: STRANGER }, 'deliver'),
        account: STRANGER,
        policies: [WHATEVER],
      },
      { kind: 'anybody', name: 'anonymous', principal: 'anonymous', account: '', policies: [] },
      ...operators.map((principal): Actor => {
        const { account } = parseArn(principal);
        return { kind: 'on call', name: principal, principal, account, policies: [WHATEVER] };
      }),
      ...another.actors.filter(({ name, kind }) => name === 'deliver' || name === 'sweep' || kind === 'agency'),
      ...SERVICES.map((service): Actor => {
        const principal = `${service}.amazonaws.com`;
        return { kind: 'service', name: principal, principal, account: '', policies: [] };
      }),
    ],
    elsewhere: [...traps(stage), ...another.things.filter(({ sort }) => /key|inbox|dispatch queue|^ledger/.test(sort))],
  };
}

const accountOf = ({ principal }: Agency): string[] => (principal === undefined ? [] : [parseArn(principal).account]);

const administrator = (account: string, partition: string): Actor => ({
  kind: 'administrator',
  name: `an administrator of ${account}`,
  principal: `arn:${partition}:iam::${account}:role/administrator`,
  account,
  policies: [WHATEVER],
});

const open = (service: string): Policy => ({
  title: 'stranger',
  stack: '',
  statements: [{ Sid: 'Everybody', Effect: 'Allow', Principal: '*', Action: [`${service}:*`], Resource: ['*'] }],
});

/** Keys and queues that only a role's own policy keeps it from, under names that would tempt it. */
function traps({ place: { partition, region, account, stage } }: Deployment): Thing[] {
  const usual: Policy = {
    title: 'key',
    stack: '',
    statements: [
      {
        Sid: 'WhomTheAccountLets',
        Effect: 'Allow',
        Principal: { AWS: [`arn:${partition}:iam::${account}:root`] },
        Action: ['kms:*'],
        Resource: ['*'],
      },
    ],
  };
  const arn = (service: string, holder: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${holder}:${resource}`;
  return [
    {
      sort: 'key of no partner',
      arn: arn('kms', account, 'key/no-partners'),
      account,
      policy: usual,
      aliases: ['alias/archive'],
    },
    {
      sort: 'key open to all',
      arn: arn('kms', STRANGER, 'key/open'),
      account: STRANGER,
      policy: open('kms'),
      aliases: [intakeAlias(stage, 'gb-lantern', 2), agencyAlias(stage, 'gb-crossbar', 2)],
    },
    { sort: 'queue of no partner', arn: arn('sqs', account, 'referral-relay-archive-urgent'), account },
    { sort: 'queue open to all', arn: arn('sqs', STRANGER, 'open-urgent'), account: STRANGER, policy: open('sqs') },
  ];
}
