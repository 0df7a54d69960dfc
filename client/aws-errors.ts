import { ClientError, type ClientErrorCode } from './errors.ts';

/* Errors of the AWS SDK, in terms of what to do about them. No imports of the SDK: an error is told by its name. */

const CREDENTIALS_MISSING =
  'No AWS credentials were found. Give this process those of the agency: a role, AWS_PROFILE, or "aws sso login" (the SDK\'s default chain).';
const CREDENTIALS_REFUSED =
  "AWS does not accept the credentials. Renew them (they may have expired), and check this machine's clock.";

type Description = readonly [ClientErrorCode, (resource: string) => string];

const credentials = (text: string): Description => ['aws-credentials', () => text];
const denied: Description = [
  'aws-access-denied',
  (resource) =>
    `AWS refuses access to ${resource}. Use the credentials of the principal that is registered with the operator for this agency.`,
];
const noQueue: Description = [
  'queue-missing',
  (resource) => `There is no such queue: ${resource}. Correct "queues" in the profile, or ask the operator.`,
];
const noKey: Description = [
  'kms-key',
  (resource) => `AWS cannot use ${resource} (missing, disabled or to be deleted). Correct "kmsKey", or enable the key.`,
];

const unfit: Description = [
  'aws-request',
  (resource) =>
    `AWS does not take what was asked of ${resource}. Correct "queues", "kmsKey" and "region" in the profile; if they are right, report it as a fault of this client.`,
];

/** By the SDK's error name; services and protocols spell some differently. */
const BY_NAME: ReadonlyMap<string, Description> = new Map([
  ['CredentialsProviderError', credentials(CREDENTIALS_MISSING)],
  ['TokenProviderError', credentials(CREDENTIALS_MISSING)],
  ['ExpiredToken', credentials(CREDENTIALS_REFUSED)],
  ['ExpiredTokenException', credentials(CREDENTIALS_REFUSED)],
  ['InvalidClientTokenId', credentials(CREDENTIALS_REFUSED)],
  ['UnrecognizedClientException', credentials(CREDENTIALS_REFUSED)],
  ['InvalidSignatureException', credentials(CREDENTIALS_REFUSED)],
  ['SignatureDoesNotMatch', credentials(CREDENTIALS_REFUSED)],
  ['RequestExpired', credentials(CREDENTIALS_REFUSED)],
  ['AccessDenied', denied],
  ['AccessDeniedException', denied],
  ['NotAuthorizedException', denied],
  ['QueueDoesNotExist', noQueue],
  ['AWS.SimpleQueueService.NonExistentQueue', noQueue],
  ['NotFoundException', noKey],
  ['DisabledException', noKey],
  ['KMSInvalidStateException', noKey],
  ['InvalidKeyUsageException', noKey],
  ['InvalidArnException', noKey],
  ['ValidationException', unfit],
  ['ValidationError', unfit],
  ['SerializationException', unfit],
  ['MissingParameter', unfit],
]);

/**
 * @param resource what was called, in words
 * @returns a {@link ClientError}: `transient` for the network, throttling and faults of AWS, which pass by themselves
 */
export function toClientError(error: unknown, resource: string): unknown {
  if (!(error instanceof Error) || error.name === 'AbortError') return error;
  const known = BY_NAME.get(error.name);
  if (known) return new ClientError(known[0], known[1](resource), { cause: error });
  const text = `AWS did not serve ${resource} (${nameOf(error)}): check the network and the Region, and try again.`;
  return new ClientError('aws-unreachable', text, { cause: error, transient: true });
}

const nameOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.name);
