import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { agencyQueue, dispatchQueue } from '../../core/names.ts';
import { operate } from './operated.ts';
import { ops, until } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, submit, routeOf, untilStatus, letDie, open, openAll, rowOf } = operated;

describe('redrive', () => {
  it('sends anew what an agency let die, once it is in order, and deletes the letters', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await letDie(AGENCY, 'routine');
    expect((await run('status')).text).toMatch(/de-kinderwacht-dead +1 .*dead letters/);

    const { exit, result } = await run('redrive', AGENCY, '--json');
    expect([exit, result]).toEqual([0, { redrive: AGENCY, letters: { owed: 1 } }]);
    expect((await routeOf(id, AGENCY))?.status).toBe('pending');
    await operated.relay.sweepNow();
    await open(AGENCY, id);
    expect((await run('redrive', AGENCY)).text).toContain('There are no dead letters.');
  });

  it('sends nothing that was opened meanwhile, and leaves what it does not understand', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    await letDie(AGENCY, 'routine');
    await ops(operated.relay, 'redeliver', `${HOTLINE}/${id}`, AGENCY);
    await operated.relay.sweepNow();
    await open(AGENCY, id);
    const dead = operated.relay.queueUrl(agencyQueue(operated.relay.stage, AGENCY, 'dead'));
    await operated.relay.clients.sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: 'not a message' }));
    const { exit, result } = await run('redrive', AGENCY, '--json');
    expect([exit, result['letters']]).toEqual([6, { opened: 1, left: 1 }]);
    const again = await run('redrive', AGENCY, '--json');
    expect([again.exit, again.result['letters']]).toEqual([6, { left: 1 }]);
  });

  it('has the relay do at once what its dispatch let die', async () => {
    const id = await submit('DE');
    await untilStatus(id, AGENCY, 'delivered');
    const send = (body: object) =>
      operated.relay.clients.sqs.send(
        new SendMessageCommand({
          QueueUrl: operated.relay.queueUrl(dispatchQueue(operated.relay.stage, 'dead-urgent')),
          MessageBody: JSON.stringify(body),
        }),
      );
    const name = { v: 1, hotline: HOTLINE, id };
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 1 } });
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 1 } });
    await send({ ...name, attempt: { agency: AGENCY, version: 1, number: 0 } });
    await send(name);
    const { exit, result } = await run('redrive', 'dispatch', '--json');
    expect([exit, result['letters']]).toEqual([0, { owed: 2, 'nothing-owed': 2 }]);
    await operated.relay.sweepNow();
    await until('it was sent again', async () => {
      const { row } = (await rowOf(HOTLINE, id, `route#${AGENCY}`)) as { row: { attempts: number } };
      return row.attempts === 2;
    });
    await openAll(AGENCY);
  });

  it('does not take letters that somebody holds for none', async () => {
    const QueueUrl = operated.relay.queueUrl(agencyQueue(operated.relay.stage, AGENCY, 'dead'));
    const { sqs } = operated.relay.clients;
    await run('redrive', AGENCY);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'not a message' }));
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    const { exit, text } = await run('redrive', AGENCY);
    expect([exit, text]).toEqual([4, expect.stringContaining(`${Messages.length} dead letters are held`)]);
    for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    expect((await run('redrive', AGENCY)).exit).toBe(0);
  });

  it('refuses a queue that nobody has', async () => {
    expect((await run('redrive', 'gb-typo')).exit).toBe(3);
  });
});
