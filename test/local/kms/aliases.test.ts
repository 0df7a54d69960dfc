import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  type KMSClient,
  ListAliasesCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kms } from '../../../local/kms/kms.ts';
import { AWAY, connect, HOME, outcome, present, REGION, startTestKms } from './fixture.ts';

let kms: Kms;
let home: KMSClient;
let away: KMSClient;
let mine: string;
let theirs: string;
let curve: string;

beforeAll(async () => {
  kms = await startTestKms();
  home = connect(kms);
  away = connect(kms, 'AKIDAWAY');
  mine = present((await home.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId);
  theirs = present((await away.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId);
  const signing = new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
  curve = present((await home.send(signing)).KeyMetadata?.KeyId);
  await home.send(new CreateAliasCommand({ AliasName: 'alias/shared/name', TargetKeyId: mine }));
  await away.send(new CreateAliasCommand({ AliasName: 'alias/shared/name', TargetKeyId: theirs }));
});

afterAll(async () => {
  home.destroy();
  away.destroy();
  await kms.close();
});

const arn = (account: string, resource: string): string => `arn:aws:kms:${REGION}:${account}:${resource}`;
const NOT_FOUND = 'NotFoundException';

describe('naming a key', () => {
  it.each<[string, () => string, () => string]>([
    ['its id', () => mine, () => mine],
    ['its ARN', () => arn(HOME, `key/${mine}`), () => mine],
    ['an alias name, in the account of the caller', () => 'alias/shared/name', () => mine],
    ['an alias ARN', () => arn(HOME, 'alias/shared/name'), () => mine],
    ['a key ARN of another account', () => arn(AWAY, `key/${theirs}`), () => theirs],
    ['an alias ARN of another account', () => arn(AWAY, 'alias/shared/name'), () => theirs],
  ])('works by %s', async (_, name, expected) => {
    const { KeyMetadata } = await home.send(new DescribeKeyCommand({ KeyId: name() }));
    expect(KeyMetadata?.KeyId).toBe(expected());
  });

  it.each<[string, () => string, string]>([
    ["another account's bare key id", () => theirs, NOT_FOUND],
    ["another account's key under one's own account", () => arn(HOME, `key/${theirs}`), NOT_FOUND],
    ['an unknown key id', () => '00000000-0000-4000-8000-000000000000', NOT_FOUND],
    ['an unknown alias', () => 'alias/nobody', NOT_FOUND],
    ['another Region', () => arn(HOME, `key/${mine}`).replace(REGION, 'us-east-1'), NOT_FOUND],
    ['a word', () => 'shared', NOT_FOUND],
    ['a member of every object', () => 'alias/__proto__', NOT_FOUND],
    ['an ARN of something else', () => 'arn:aws:sqs:eu-west-2:111111111111:queue', 'InvalidArnException'],
    ['an ARN with no account', () => `arn:aws:kms:${REGION}::key/${mine}`, 'InvalidArnException'],
  ])('refuses %s', async (_, name, expected) => {
    expect(await outcome(home.send(new DescribeKeyCommand({ KeyId: name() })))).toBe(expected);
  });

  it('takes no alias where AWS takes none', async () => {
    expect(await outcome(home.send(new DisableKeyCommand({ KeyId: 'alias/shared/name' })))).toBe(NOT_FOUND);
  });

  it('lets another account use a key but not administer it', async () => {
    const KeyId = arn(AWAY, `key/${theirs}`);
    expect(await outcome(home.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x') })))).toBe('ok');
    expect(await outcome(home.send(new DisableKeyCommand({ KeyId })))).toBe('AccessDeniedException');
  });
});

describe('CreateAlias', () => {
  const V = 'ValidationException';

  it.each<[string, string, () => string, string]>([
    ['a name that is taken', 'alias/shared/name', () => mine, 'AlreadyExistsException'],
    ['a name without prefix', 'shared', () => mine, V],
    ['a name with other characters', 'alias/a b', () => mine, V],
    ['a name too long', `alias/${'x'.repeat(251)}`, () => mine, V],
    ['a reserved name', 'alias/aws/mine', () => mine, 'NotAuthorizedException'],
    ['an alias of an alias', 'alias/two', () => 'alias/shared/name', V],
    ['an unknown key', 'alias/two', () => '00000000-0000-4000-8000-000000000000', NOT_FOUND],
    ['a key of another account', 'alias/two', () => arn(AWAY, `key/${theirs}`), 'AccessDeniedException'],
  ])('refuses %s', async (_, AliasName, target, expected) => {
    expect(await outcome(home.send(new CreateAliasCommand({ AliasName, TargetKeyId: target() })))).toBe(expected);
    expect(await outcome(home.send(new DescribeKeyCommand({ KeyId: 'alias/two' })))).toBe(NOT_FOUND);
  });

  it('gives a contested name to one of many', async () => {
    const command = { AliasName: 'alias/contested', TargetKeyId: mine };
    const calls = Array.from({ length: 8 }, () => outcome(home.send(new CreateAliasCommand(command))));
    const outcomes = await Promise.all(calls);
    expect(outcomes.toSorted()).toEqual([...Array(7).fill('AlreadyExistsException'), 'ok']);
  });
});

describe('UpdateAlias', () => {
  it('points the alias at another key of the same kind', async () => {
    const next = present((await home.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId);
    await home.send(new CreateAliasCommand({ AliasName: 'alias/moving', TargetKeyId: mine }));
    await home.send(new UpdateAliasCommand({ AliasName: 'alias/moving', TargetKeyId: next }));
    const { KeyMetadata } = await home.send(new DescribeKeyCommand({ KeyId: 'alias/moving' }));
    expect(KeyMetadata?.KeyId).toBe(next);
  });

  it.each<[string, string, () => string, string]>([
    ['an alias that does not exist', 'alias/nobody', () => mine, NOT_FOUND],
    ['a key of another kind', 'alias/shared/name', () => curve, 'ValidationException'],
    ['an unknown key', 'alias/shared/name', () => '00000000-0000-4000-8000-000000000000', NOT_FOUND],
    ['a key of another account', 'alias/shared/name', () => arn(AWAY, `key/${theirs}`), 'AccessDeniedException'],
  ])('refuses %s and leaves the alias where it was', async (_, AliasName, target, expected) => {
    expect(await outcome(home.send(new UpdateAliasCommand({ AliasName, TargetKeyId: target() })))).toBe(expected);
    const { KeyMetadata } = await home.send(new DescribeKeyCommand({ KeyId: 'alias/shared/name' }));
    expect(KeyMetadata?.KeyId).toBe(mine);
  });
});

describe('DeleteAlias', () => {
  it('frees the name and keeps the key', async () => {
    await home.send(new CreateAliasCommand({ AliasName: 'alias/short-lived', TargetKeyId: mine }));
    await home.send(new DeleteAliasCommand({ AliasName: 'alias/short-lived' }));
    expect(await outcome(home.send(new DescribeKeyCommand({ KeyId: 'alias/short-lived' })))).toBe(NOT_FOUND);
    expect(await outcome(home.send(new DescribeKeyCommand({ KeyId: mine })))).toBe('ok');
  });

  it("does not reach into another account's names", async () => {
    await away.send(new CreateAliasCommand({ AliasName: 'alias/theirs', TargetKeyId: theirs }));
    expect(await outcome(home.send(new DeleteAliasCommand({ AliasName: 'alias/theirs' })))).toBe(NOT_FOUND);
    expect(await outcome(away.send(new DescribeKeyCommand({ KeyId: 'alias/theirs' })))).toBe('ok');
  });
});

describe('ListAliases', () => {
  it('lists what belongs to the account, page by page, each alias once', async () => {
    const key = present((await away.send(new CreateKeyCommand({}))).KeyMetadata?.KeyId);
    const names = Array.from({ length: 5 }, (_, n) => `alias/page/${n}`);
    for (const AliasName of names) await away.send(new CreateAliasCommand({ AliasName, TargetKeyId: key }));
    const seen: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await away.send(new ListAliasesCommand({ KeyId: key, Limit: 2, Marker }));
      expect(page.Truncated).toBe(page.NextMarker !== undefined);
      seen.push(...present(page.Aliases).map((alias) => present(alias.AliasName)));
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(seen).toEqual(names);

    const { Aliases } = await away.send(new ListAliasesCommand({}));
    expect(Aliases).toContainEqual(
      expect.objectContaining({
        AliasName: 'alias/shared/name',
        AliasArn: arn(AWAY, 'alias/shared/name'),
        TargetKeyId: theirs,
      }),
    );
    expect(Aliases?.every((alias) => alias.TargetKeyId !== mine)).toBe(true);
  });

  it('refuses a marker it did not give', async () => {
    expect(await outcome(home.send(new ListAliasesCommand({ Marker: 'nonsense' })))).toBe('InvalidMarkerException');
  });
});
