import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { intakeAlias, outcomesQueue, stackName } from '../core/names.ts';
import type { Hotline } from '../core/registry.ts';
import { QUEUE_TRAITS } from '../core/sizing.ts';
import { intakeKeyPolicy } from './key-policies.ts';
import { acknowledge } from './nag.ts';
import { allowOwnKeys } from './own-keys.ts';
import { createPartnerKey } from './partner-key.ts';
import { type Place, roleArn } from './place.ts';
import { RelayQueue } from './relay-queue.ts';
import { tagPartner } from './tags.ts';

/** A hotline: a key for each generation of its intake, and the inbox for answers. */
export class HotlineStack extends Stack {
  constructor(scope: Construct, place: Place, hotline: Hotline) {
    const { stage, account, region } = place;
    super(scope, stackName(stage, hotline.id), {
      env: { account, region },
      description: `referral-relay ${stage}: hotline ${hotline.id}`,
      terminationProtection: true,
    });
    tagPartner(this, stage, hotline.id);

    for (const { generation, arn } of hotline.intakeKeys) {
      if (arn === undefined) {
        createPartnerKey(this, `Intake${generation}`, {
          alias: intakeAlias(stage, hotline.id, generation),
          spec: 'RSA_4096',
          description: `referral-relay ${stage}: what ${hotline.id} refers is sealed for it (generation ${generation})`,
          policy: intakeKeyPolicy(place, roleArn(place, 'deliver')),
        });
      } else {
        new CfnOutput(this, `OwnKeyPolicy${generation}`, {
          description: `Policy that the hotline puts on its key ${arn}`,
          value: JSON.stringify(intakeKeyPolicy(place, arn)),
        });
      }
    }
    allowOwnKeys(this, place, hotline);

    const outcomes = new RelayQueue(this, 'Outcomes', {
      place,
      name: outcomesQueue(stage, hotline.id),
      visibility: QUEUE_TRAITS.outcomes.visibility,
      senders: [roleArn(place, 'answer'), roleArn(place, 'sweep')],
      receivers: [roleArn(place, 'collect')],
    });
    acknowledge(
      outcomes.resource,
      'SQS3',
      'An answer that a hotline does not acknowledge is no fault: it comes back until it is, for the ledger owes it.',
    );
  }
}
