import { explain, type Failure } from '../client/cli/failure.ts';
import { CommandError, EXIT } from '../client/cli/exit.ts';

/* What the operator is told when AWS refuses. All else is worded as it is for partners (`client/cli/failure.ts`). */

const CREDENTIALS: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
]);
const DENIED: ReadonlySet<string> = new Set(['AccessDenied', 'AccessDeniedException', 'NotAuthorizedException']);
const MISSING: ReadonlySet<string> = new Set([
  'ResourceNotFoundException',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
]);

/** @param where the relay in words, such as `the stage "prod" in eu-west-2` */
export const explainFailure = (error: unknown, where: string): Failure => explain(toCommandError(error, where));

function toCommandError(error: unknown, where: string): unknown {
  if (!(error instanceof Error) || error instanceof CommandError) return error;
  if (CREDENTIALS.has(error.name)) {
    return new CommandError(
      EXIT.usage,
      'aws-credentials',
      "AWS has no credentials to go by, or does not accept them: sign in with the operator's role (AWS_PROFILE, aws sso login).",
    );
  }
  if (DENIED.has(error.name)) {
    return new CommandError(
      EXIT.refused,
      'aws-access-denied',
      `AWS refuses this at ${where}: use the operator's role.`,
    );
  }
  if (MISSING.has(error.name)) {
    return new CommandError(EXIT.refused, 'not-deployed', `Something is missing at ${where}: is it deployed there?`);
  }
  if (!('$metadata' in error) && !isNetwork(error)) return error;
  return new CommandError(
    EXIT.unavailable,
    'aws-unreachable',
    `AWS did not serve ${where} (${error.name}): check the network, and try again.`,
  );
}

const isNetwork = (error: Error): boolean =>
  'code' in error && typeof error.code === 'string' && /^E(CONN|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)/.test(error.code);
