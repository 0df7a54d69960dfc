import { DEBUG, explain, type Failure } from '../client/cli/failure.ts';
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

/** What was asked is not fit to be asked, whoever asks: as the services call it. */
const UNFIT: ReadonlySet<string> = new Set([
  'ValidationException',
  'ValidationError',
  'SerializationException',
  'InvalidParameterValue',
  'InvalidParameterValueException',
  'InvalidRequestContentException',
  'MissingParameter',
]);

/** Where the relay is. */
export interface Place {
  /** In words, such as `the stage "prod" in eu-west-2`. */
  where: string;
  isLocal: boolean;
}

export const explainFailure = (error: unknown, place: Place): Failure => explain(toCommandError(error, place));

function toCommandError(error: unknown, { where, isLocal }: Place): unknown {
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
  if (UNFIT.has(error.name)) {
    return new CommandError(
      EXIT.unexpected,
      'aws-request',
      `AWS does not take what this command asked of ${where} (${error.name}).\nNo other attempt will help. Run it again with ${DEBUG}=1 to see where, and report it.`,
    );
  }
  const fault = networkFault(error);
  if (!('$metadata' in error) && fault === undefined) return error;
  const what = isLocal ? 'Nothing answers for' : 'AWS did not serve';
  const remedy = isLocal ? 'is it running (npm start)?' : 'check the network, and try again.';
  return new CommandError(EXIT.unavailable, 'aws-unreachable', `${what} ${where} (${fault ?? error.name}): ${remedy}`);
}

/** Such as `ECONNREFUSED`. */
function networkFault(error: Error): string | undefined {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E(CONN|HOST|NET|TIMEDOUT|AI_AGAIN|NOTFOUND)/.test(code) ? code : undefined;
}
