import type { AuthorizationRequest, Authorize } from '../local/kms/kms.ts';
import { actionsOf } from './actions.ts';
import { type Actor, type Thing, WHATEVER } from './deployment.ts';
import { ask } from './simulator.ts';
import type { World } from './surroundings.ts';

/**
 * Decides for the embedded KMS as the policies of a synthesized stage do. A key is the one of the template that has its
 * alias; the root of an account administers it, as there; whom no template and no registry names may do nothing.
 */
export function authorizeBy({ stage, administrators }: World): Authorize {
  return async (request) => {
    const actor = findActor(request, stage.actors, administrators);
    const thing = request.key && findKey(request, request.key, stage.things);
    if (!actor || (request.key && !thing)) return false;
    const { encryptionContext } = request;
    const takesContext = (await actionsOf('kms', 'key')).some(
      ({ name, takesContext }) => name === request.action && takesContext,
    );
    const { allowed } = await ask(
      {
        principal: request.principal,
        action: request.action,
        resource: thing?.arn ?? '*',
        account: thing?.account ?? request.account,
        context: {
          'aws:PrincipalArn': request.principal,
          'aws:SecureTransport': 'true',
          ...(request.key && request.key.aliases.length > 0 && { 'kms:ResourceAliases': request.key.aliases }),
        },
        encryptionContext: takesContext ? encryptionContext : undefined,
      },
      { identity: actor.policies, resource: thing?.policy },
    );
    return allowed;
  };
}

function findActor(
  { principal, account }: AuthorizationRequest,
  actors: readonly Actor[],
  administrators: World['administrators'],
): Pick<Actor, 'policies'> | undefined {
  if (administrators.has(account) && principal === `arn:aws:iam::${account}:root`) return { policies: [WHATEVER] };
  return actors.find((actor) => actor.principal === principal && actor.account === account);
}

/** By name, for its ARN is the emulator's own; a key that is about to get its name is asked about under it. */
function findKey(
  { requestAlias }: AuthorizationRequest,
  { aliases, account }: NonNullable<AuthorizationRequest['key']>,
  things: readonly Thing[],
): Thing | undefined {
  const names = new Set(aliases.length === 0 ? [requestAlias] : aliases);
  return things.find((thing) => thing.account === account && thing.aliases?.some((alias) => names.has(alias)));
}
