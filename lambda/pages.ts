import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { pageTopic } from '../core/names.ts';
import type { Pages, Waiting } from '../core/ports.ts';

/* Pages over SNS: a topic an agency, whose one subscriber is the e-mail address or URL in the agency's registry file. */

interface PageOptions {
  client: Pick<SNSClient, 'send'>;
  stage: string;
  /** What a topic's name is appended to: `arn:aws:sns:<region>:<account>:`. */
  arnBase: string;
}

/** So many referrals are named; of the others, only the number. */
const NAMED = 10;

export const createPages = ({ client, stage, arnBase }: PageOptions): Pages => ({
  async page(agency, waiting) {
    await client.send(
      new PublishCommand({
        TopicArn: arnBase + pageTopic(stage, agency),
        Subject: `Referral relay: ${describeCount(waiting.length)} unopened`,
        Message: describeWaiting(stage, agency, waiting),
      }),
    );
  },
});

function describeWaiting(stage: string, agency: string, waiting: readonly Waiting[]): string {
  const named = waiting.slice(0, NAMED);
  const others = waiting.length - named.length;
  return [
    `At the referral relay (${stage}), ${describeCount(waiting.length)} unopened by ${agency}:`,
    ...named.map(({ hotline, id, minutes }) => `  ${hotline}/${id} for ${describeMinutes(minutes)}`),
    ...(others > 0 ? [`  and ${others} more`] : []),
    'Check that your system polls its urgent queue and can open what it finds there.',
    '',
  ].join('\n');
}

const describeCount = (count: number): string =>
  count === 1 ? 'an immediate referral waits' : `${count} immediate referrals wait`;

const describeMinutes = (minutes: number): string =>
  minutes < 120
    ? `${minutes} minutes`
    : minutes < 2880
      ? `${Math.floor(minutes / 60)} hours`
      : `${Math.floor(minutes / 1440)} days`;
