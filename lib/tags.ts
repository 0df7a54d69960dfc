import { Tags } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/* Cost allocation: activate the two tags once in the billing console of the account that pays. */

export const STAGE_TAG = 'referral-relay:stage';
export const PARTNER_TAG = 'referral-relay:partner';

export const tagStage = (construct: IConstruct, stage: string): void => Tags.of(construct).add(STAGE_TAG, stage);

export function tagPartner(construct: IConstruct, stage: string, partner: string): void {
  tagStage(construct, stage);
  Tags.of(construct).add(PARTNER_TAG, partner);
}
