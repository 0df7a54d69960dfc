import { describe, expect, it } from 'vitest';
import { loadRegistry } from '../../core/registry.ts';
import { checkOwnKeys } from '../../lib/own-keys.ts';
import { placeOf } from '../../lib/place.ts';
import { misplacedKeys, misplacedPrincipals, withoutAccess } from '../../lib/relay-app.ts';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import { ACCOUNT, REGION } from '../support/synthesized-stage.ts';

const place = placeOf('prod', { account: ACCOUNT, region: REGION });

const withOwnKeys = (count: number) =>
  loadRegistry(
    Array.from({ length: count }, (_, number) => {
      const id = `gb-hotline-${number}`;
      const arn = `arn:aws:kms:${REGION}:777777777777:key/00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
      const partner = { kind: 'hotline', id, name: id, contact: { email: 'x@x.example' }, keys: [] };
      return { name: `${id}.json`, text: JSON.stringify({ ...partner, intakeKeys: [{ generation: 1, arn }] }) };
    }),
  );

describe('keys that partners bring', () => {
  it('must be in the Region of the stage, for KMS re-encrypts within one', () => {
    const registry = loadRegistry(generateRegistryFiles({ hotlines: 20, agencies: 10, region: 'eu-west-1' }));
    expect(misplacedKeys(place, registry)).toEqual([
      expect.stringMatching(/hotline-19\.json: the key .* must be in eu-west-2/),
      expect.stringMatching(/agency-9\.json: the key .* must be in eu-west-2/),
    ]);
    expect(misplacedKeys({ ...place, region: 'eu-west-1' }, registry)).toEqual([]);
  });

  it("are never keys of the relay's own account: there, one could be another hotline's", () => {
    const account = '777777777777';
    expect(misplacedKeys(place, withOwnKeys(1))).toEqual([]);
    expect(misplacedKeys({ ...place, account }, withOwnKeys(1))).toEqual([
      expect.stringMatching(/^gb-hotline-0\.json: the key arn:\S+ is in the relay's own account.* leave "arn" out/),
    ]);
  });

  it('are taken from some 30 partners', () => {
    expect(checkOwnKeys(place, withOwnKeys(30))).toEqual([]);
  });

  it('are refused where the roles could not name them all', () => {
    const faults = checkOwnKeys(place, withOwnKeys(60));
    expect(faults.join(' ')).toMatch(/The role of deliver .* IAM allows 10240/);
  });
});

describe('principals of agencies', () => {
  it('are not taken from the account of the relay, but under the name that is protected there', () => {
    const registry = loadRegistry(generateRegistryFiles({ hotlines: 0, agencies: 3 }));
    const principal = [...registry.agencies.values()].flatMap(({ principal }) => principal ?? [])[0] ?? '';
    const [, , , , account = ''] = principal.split(':');
    expect(misplacedPrincipals(place, registry)).toEqual([]);
    expect(misplacedPrincipals({ ...place, account }, registry)).toEqual([
      expect.stringMatching(
        /agency-2\.json: the principal .* Leave "principal" out .* referral-relay-prod-\w+-agency-2\./,
      ),
    ]);
  });
});

describe('agencies without a way in', () => {
  it('are those with neither a principal nor a certificate authority', () => {
    const registry = loadRegistry(generateRegistryFiles({ hotlines: 0, agencies: 12 }));
    expect(withoutAccess(registry)).toEqual([...registry.agencies.keys()].filter((id) => /-(0|10)$/.test(id)));
    expect(withoutAccess(registry)).toHaveLength(2);
  });
});

describe('the place', () => {
  it.each([
    ['eu-west-2', 'aws', 'amazonaws.com'],
    ['cn-north-1', 'aws-cn', 'amazonaws.com.cn'],
    ['us-gov-west-1', 'aws-us-gov', 'amazonaws.com'],
  ])('of %s is in the partition %s', (region, partition, domain) => {
    expect(placeOf('prod', { account: ACCOUNT, region })).toMatchObject({ partition, domain });
  });
});
