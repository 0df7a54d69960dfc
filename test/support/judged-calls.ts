import * as z from 'zod';
import { type Question, ask } from '../../audit/simulator.ts';
import type { World } from '../../audit/surroundings.ts';
import { FUNCTIONS } from '../../core/names.ts';
import { ledgerArn, queueArn } from '../../lib/place.ts';
import { functionPrincipal } from '../../local/principals.ts';
import type { CloudCall, CloudError } from './interposed-cloud.ts';

/**
 * Asks the policies of a synthesized stage about whatever its functions ask of DynamoDB, SQS and SNS, whose emulators let
 * everybody do everything. (KMS, which is the project's own, asks by itself.)
 */
export class JudgedCalls {
  readonly #world: World;
  readonly #functions: ReadonlyMap<string, string>;
  /** What was not allowed: `<function>: <action> on <ARN>`, and the partition of the ledger. */
  readonly refused: string[] = [];
  /** What was needed of which statement: `<function>: <Sid>: <action>`. */
  readonly needed = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    const { stage } = world.stage.place;
    this.#functions = new Map(FUNCTIONS.map((name) => [functionPrincipal(stage, name).credentials.accessKeyId, name]));
  }

  async judge(call: CloudCall): Promise<CloudError | undefined> {
    if (call.service === 'kms') return undefined;
    const { actors, things, place } = this.#world.stage;
    const actor = actors.find(
      ({ kind, name }) => kind === 'function' && name === this.#functions.get(call.accessKeyId),
    );
    if (!actor) throw new Error(`${call.service}:${call.operation} is asked for by somebody who is no function`);
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

interface Need {
  action: string;
  resource: string;
  /** Partition key of what is written. */
  partition?: string | undefined;
}

const Key = z.object({ pk: z.object({ S: z.string() }) });
const TableCall = z.object({ IndexName: z.string().optional(), Key: Key.optional(), Item: Key.optional() });
const QueueCall = z.object({ QueueUrl: z.url() });

/** As the Service Authorization Reference has it: what comes in a batch needs no more than what comes alone. */
function whatItNeeds({ service, operation, body }: CloudCall, place: World['stage']['place']): Need {
  const action = `${service}:${operation.replace(/Batch$/, '')}`;
  if (service === 'sns') return { action, resource: new URLSearchParams(body.toString()).get('TopicArn') ?? '' };
  const sent: unknown = JSON.parse(body.toString());
  if (service === 'sqs') {
    return { action, resource: queueArn(place, QueueCall.parse(sent).QueueUrl.split('/').at(-1) ?? '') };
  }
  const { IndexName: index, Key: key, Item: item } = TableCall.parse(sent);
  const resource = `${ledgerArn(place)}${index === undefined ? '' : `/index/${index}`}`;
  return { action, resource, partition: (key ?? item)?.pk.S };
}
