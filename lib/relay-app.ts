import { Annotations, App } from 'aws-cdk-lib';
import FEATURE_FLAGS from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { roleName } from '../core/names.ts';
import type { Registry } from '../core/registry.ts';
import { AgencyStack } from './agency-stack.ts';
import type { Bundles } from './bundle.ts';
import { CoreStack } from './core-stack.ts';
import { HotlineStack } from './hotline-stack.ts';
import { checkOwnKeys, ownKeysOf } from './own-keys.ts';
import { parseArn, type Place, placeOf } from './place.ts';
import { ServiceStack } from './service-stack.ts';
import { StageError, type StageSettings } from './stage-settings.ts';

export interface RelayAppProps {
  stage: string;
  settings: StageSettings;
  registry: Registry;
  /** Where the functions' code is; whoever only looks at templates may give empty folders. */
  bundles: Bundles;
  /** Whether alarms do not stop the deployment. */
  alarmsIgnored?: boolean;
  /** Folder of the cloud assembly; left out, the CDK command chooses it. */
  outdir?: string;
}

/**
 * The app of one stage: a stack for what stays, one for each partner, one for what works. No stack refers to another's
 * resources; all names are derived. They are only deployed in order, so that nothing names what is not there yet: a
 * partner's key exists before a function is told of it.
 * @throws {StageError} if the registry cannot be deployed here
 */
export function createRelayApp({
  stage,
  settings,
  registry,
  bundles,
  alarmsIgnored = false,
  outdir,
}: RelayAppProps): App {
  const place = placeOf(stage, settings);
  const faults = [
    ...misplacedKeys(place, registry),
    ...misplacedPrincipals(place, registry),
    ...checkOwnKeys(place, registry),
  ];
  if (faults.length > 0) throw new StageError(`registry/${stage}/ cannot be deployed:\n  ${faults.join('\n  ')}`);

  const app = new App({
    analyticsReporting: false,
    ...(outdir !== undefined && { outdir }),
    context: FEATURE_FLAGS,
  });
  const core = new CoreStack(app, place);
  const service = new ServiceStack(app, { place, settings, bundles, alarmsIgnored });
  service.addStackDependency(core);
  for (const hotline of registry.hotlines.values()) {
    const stack = new HotlineStack(app, place, hotline);
    stack.addStackDependency(core);
    service.addStackDependency(stack);
  }
  for (const agency of registry.agencies.values()) {
    const stack = new AgencyStack(app, place, agency);
    stack.addStackDependency(core);
    service.addStackDependency(stack);
  }
  const closed = withoutAccess(registry);
  if (closed.length > 0) {
    Annotations.of(service).addInfo(
      `Agencies without a way in yet: ${closed.join(', ')}. Name the "principal" of each, or give "rolesAnywhere".`,
    );
  }
  return app;
}

/** Agencies that nobody can poll for: neither a principal of their own is named, nor a certificate authority. */
export const withoutAccess = (registry: Registry): string[] =>
  [...registry.agencies.values()]
    .filter(({ principal, rolesAnywhere }) => principal === undefined && rolesAnywhere === undefined)
    .map(({ id }) => id);

/**
 * KMS re-encrypts within one Region only. A key in the relay's own account would be that of another hotline, whose content
 * keys could then be wrapped for whomever this one names (ADR 002).
 */
export function misplacedKeys({ account, region }: Place, registry: Registry): string[] {
  return [...registry.hotlines.values(), ...registry.agencies.values()].flatMap((partner) =>
    ownKeysOf(partner).flatMap((arn) => {
      const key = parseArn(arn);
      const faults = [
        ...(key.region === region ? [] : [`must be in ${region}, the Region of this stage.`]),
        ...(key.account === account
          ? [`is in the relay's own account, where each partner gets a key of its own: leave "arn" out.`]
          : []),
      ];
      return faults.map((fault) => `${partner.id}.json: the key ${arn} ${fault}`);
    }),
  );
}

/**
 * A principal in the relay's own account goes by the name that the service control policy protects; any other there could
 * be taken over by the account's administrators.
 */
export const misplacedPrincipals = (place: Place, registry: Registry): string[] =>
  [...registry.agencies.values()]
    .filter(({ principal }) => principal !== undefined && parseArn(principal).account === place.account)
    .map(
      ({ id, principal }) =>
        `${id}.json: the principal ${principal} is in the relay's own account. Leave "principal" out and name that role ` +
        `${roleName(place.stage, id)}.`,
    );
