import * as z from 'zod';
import type { Actor } from '../../audit/deployment.ts';
import { ask, type Question } from '../../audit/simulator.ts';
import type { World } from '../../audit/surroundings.ts';
import { functionName, FUNCTIONS } from '../../core/names.ts';
import { functionArn, ledgerArn, queueArn } from '../../lib/place.ts';
import type { CloudCall, CloudError } from './interposed-cloud.ts';

/**
 * Asks the policies of a synthesized stage about whatever is asked of DynamoDB, SQS, SNS and Lambda, whose emulators let
 * everybody do everything. (KMS, which is the project's own, asks by itself.)
 */
export class JudgedCalls {
  readonly #world: World;
  readonly #find: (accessKeyId: string) => Actor | undefined;
  /** What was not allowed: `<actor>: <action> on <ARN>`, and the partition of the ledger. */
  readonly refused: string[] = [];
  /** What was needed of which statement: `<actor>: <Sid>: <action>`. */
  readonly needed = new Set<string>();

  /** @param find who it is that calls with these credentials */
  constructor(world: World, find: (accessKeyId: string) => Actor | undefined) {
    this.#world = world;
    this.#find = find;
  }

  async judge(call: CloudCall): Promise<CloudError | undefined> {
    if (call.service === 'kms') return undefined;
    const { things, place } = this.#world.stage;
    const actor = this.#find(call.accessKeyId);
    if (!actor) throw new Error(`${call.service}:${call.operation} is asked for by nobody who is known`);
    const { action, resource, partition } = whatItNeeds(call, place);
    const question: Question = {
      principal: actor.principal,
      account: place.account,
      action,
      resource,
      context: {
        'aws:PrincipalArn': actor.principal,
        'aws:SecureTransport': 'true',
        ...(partition !== undefined && { 'dynamodb:LeadingKeys': [partition] }),
      },
    };
    const policies = { identity: actor.policies, resource: things.find(({ arn }) => arn === resource)?.policy };
    const { allowed, byIdentity } = await ask(question, policies);
    for (const { sid } of byIdentity) this.needed.add(`${actor.name}: ${sid}: ${action}`);
    if (allowed) return undefined;
    this.refused.push(`${actor.name}: ${action} on ${resource} ${partition ?? ''}`);
    return { error: 'AccessDeniedException', message: `${action} is not allowed` };
  }
}

/** Of one of these kinds, all that their policies allow, without KMS and logs: `<actor>: <Sid>: <action>`. */
export const allowedTo = ({ stage }: World, kind: Actor['kind']): string[] =>
  stage.actors
    .filter((actor) => actor.kind === kind)
    .flatMap(({ name, policies }) =>
      policies.flatMap(({ statements }) =>
        statements.flatMap(({ Sid, Action }) => Action.map((action) => `${name}: ${Sid}: ${action}`)),
      ),
    )
    .filter((what) => !/: (?:kms|logs):/.test(what));

interface Need {
  action: string;
  resource: string;
  /** Partition key of what is written. */
  partition?: string | undefined;
}

const INVOCATION = /\/functions\/(?<name>[^/]+)\/invocations\?Qualifier=(?<qualifier>\w+)$/;
const Key = z.object({ pk: z.object({ S: z.string() }) });
const TableCall = z.object({ IndexName: z.string().optional(), Key: Key.optional(), Item: Key.optional() });
const QueueCall = z.union([z.object({ QueueUrl: z.url() }), z.object({ QueueName: z.string() })]);

/** As the Service Authorization Reference has it: what comes in a batch needs no more than what comes alone. */
function whatItNeeds({ service, operation, path, body }: CloudCall, place: World['stage']['place']): Need {
  const action = `${service}:${operation.replace(/Batch$/, '')}`;
  if (service === 'sns') return { action, resource: new URLSearchParams(body.toString()).get('TopicArn') ?? '' };
  if (service === 'lambda') {
    const { name, qualifier } = INVOCATION.exec(path)?.groups ?? {};
    const invoked = FUNCTIONS.find((known) => functionName(place.stage, known) === name);
    if (!invoked) throw new Error(`${path} invokes no function of the stage`);
    return { action, resource: `${functionArn(place, invoked)}:${qualifier}` };
  }
  const sent: unknown = JSON.parse(body.toString());
  if (service === 'sqs') {
    const queue = QueueCall.parse(sent);
    const name = 'QueueName' in queue ? queue.QueueName : queue.QueueUrl.split('/').at(-1);
    return { action, resource: queueArn(place, name ?? '') };
  }
  const { IndexName: index, Key: key, Item: item } = TableCall.parse(sent);
  const resource = `${ledgerArn(place)}${index === undefined ? '' : `/index/${index}`}`;
  return { action, resource, partition: (key ?? item)?.pk.S };
}
