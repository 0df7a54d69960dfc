import { type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import { describe, expect, it } from 'vitest';
import type { Waiting } from '../../core/ports.ts';
import { createPages } from '../../lambda/pages.ts';

const ID = '0197a5b0-1111-7abc-8def-000000000000';

async function page(waiting: Waiting[]): Promise<Partial<PublishCommandInput>> {
  const sent: PublishCommandInput[] = [];
  const client = new SNSClient({ region: 'eu-west-2' });
  client.middlewareStack.add(
    (_next, { commandName }) =>
      async ({ input }) => {
        expect(commandName).toBe('PublishCommand');
        sent.push(input as PublishCommandInput);
        return { output: { $metadata: {} }, response: undefined };
      },
    { step: 'initialize', priority: 'low' },
  );
  const arnBase = 'arn:aws:sns:eu-west-2:111111111111:';
  await createPages({ client, stage: 'prod', arnBase }).page('gb-crossbar', waiting);
  return sent[0] ?? {};
}

const waiting = (minutes: number): Waiting => ({ hotline: 'gb-lantern', id: ID, minutes });

describe('a page', () => {
  it('goes to the topic of its agency alone and says which referral waits for how long, and nothing else', async () => {
    expect(await page([waiting(17)])).toEqual({
      TopicArn: 'arn:aws:sns:eu-west-2:111111111111:referral-relay-prod-gb-crossbar-page',
      Subject: 'Referral relay: an immediate referral waits unopened',
      Message: [
        'At the referral relay (prod), an immediate referral waits unopened by gb-crossbar:',
        `  gb-lantern/${ID} for 17 minutes`,
        'Check that your system polls its urgent queue and can open what it finds there.',
        '',
      ].join('\n'),
    });
  });

  it.each([
    [119, '119 minutes'],
    [360, '6 hours'],
    [2880, '2 days'],
  ])('says %i minutes as %s', async (minutes, text) => {
    expect((await page([waiting(minutes)])).Message).toContain(`for ${text}\n`);
  });

  it('names ten of many, and the number of the others', async () => {
    const { Subject, Message = '' } = await page(Array.from({ length: 250 }, () => waiting(60)));
    expect(Subject).toBe('Referral relay: 250 immediate referrals wait unopened');
    expect(Message.match(/gb-lantern/g)).toHaveLength(10);
    expect(Message).toContain('  and 240 more\n');
  });
});
