import { RegionInfo } from 'aws-cdk-lib/region-info';
import { functionName, type FunctionName, ledgerTable, roleName } from '../core/names.ts';

/** Where a stage is deployed. All ARNs are spelt out from it, so that a template can be read, and judged, as it is. */
export interface Place {
  stage: string;
  /** 12 digits. */
  account: string;
  region: string;
  /** `aws`, `aws-cn`, … */
  partition: string;
  /** `amazonaws.com`, … */
  domain: string;
}

export function placeOf(stage: string, { account, region }: { account: string; region: string }): Place {
  const { partition = 'aws', domainSuffix = 'amazonaws.com' } = RegionInfo.get(region);
  return { stage, account, region, partition, domain: domainSuffix };
}

const arn = ({ partition, region, account }: Place, service: string, resource: string): string =>
  `arn:${partition}:${service}:${region}:${account}:${resource}`;

/** `holder`: one of the relay's functions or a partner's id. */
export const roleArn = ({ partition, account, stage }: Place, holder: string): string =>
  `arn:${partition}:iam::${account}:role/${roleName(stage, holder)}`;

export const queueArn = (place: Place, queue: string): string => arn(place, 'sqs', queue);

export const topicArn = (place: Place, topic: string): string => arn(place, 'sns', topic);

export const ledgerArn = (place: Place): string => arn(place, 'dynamodb', `table/${ledgerTable(place.stage)}`);

export const functionArn = (place: Place, name: FunctionName): string =>
  arn(place, 'lambda', `function:${functionName(place.stage, name)}`);

export const logGroupArn = (place: Place, group: string): string => arn(place, 'logs', `log-group:${group}`);

/** Every key of this account and Region: only ever together with a condition on its aliases. */
export const keysArn = (place: Place): string => arn(place, 'kms', 'key/*');

/** What a queue's name is appended to. */
export const queueUrlBase = ({ region, domain, account }: Place): string =>
  `https://sqs.${region}.${domain}/${account}/`;

/** What a topic's name is appended to. */
export const topicArnBase = (place: Place): string => topicArn(place, '');

/** The parts of `arn:<partition>:<service>:<region>:<account>:…`. */
export function parseArn(arn: string): { partition: string; region: string; account: string } {
  const [, partition = '', , region = '', account = ''] = arn.split(':');
  return { partition, region, account };
}
