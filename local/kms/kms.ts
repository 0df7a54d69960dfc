/**
 * An embedded KMS for development and tests: it speaks AWS JSON 1.1 to the unmodified `@aws-sdk/client-kms`, knows
 * several accounts, and asks a policy about every use of every key.
 *
 * Supported, with AWS's own error names and key states: what `operations.ts` lists, for keys of SYMMETRIC_DEFAULT,
 * RSA_2048, RSA_3072, RSA_4096 and ECC_NIST_P256, in one Region and the partition `aws`. The rest is refused: another
 * operation with `UnsupportedOperationException`, another member or value with `ValidationException`.
 *
 * Not like AWS: signatures of requests are not verified, the access key id alone says who calls, so listen on loopback
 * only. A key policy is kept and shown to `authorize`, not interpreted. Grants, imported and multi-Region keys, dry
 * runs, quotas and delays are absent; key material never rotates. RSA keys sign messages but no ready digests
 * (ECC_NIST_P256 signs both). A ciphertext of a symmetric key opens in this KMS only.
 */
import { type Call, type Caller } from './call.ts';
import { KmsError, type KmsErrorType } from './errors.ts';
import { openKeyFolder } from './key-folder.ts';
import { KeyStore } from './key-store.ts';
import { type LoggedOperation, OperationLog } from './operation-log.ts';
import { OPERATIONS } from './operations.ts';
import type { Authorize } from './policy.ts';
import { readAccessKeyId, readInput, readOperation, serve, typeOf, type WireRequest } from './wire.ts';

export type { Caller } from './call.ts';
export type { LoggedOperation, LoggedUse } from './operation-log.ts';
export { type AuthorizationRequest, type Authorize, type Deployment, deployedPolicy } from './policy.ts';

export interface KmsOptions {
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Clients must be configured for it. */
  region: string;
  /** Who stands behind each access key id; looked up at every request, so callers may be added later. */
  callers: ReadonlyMap<string, Caller>;
  authorize: Authorize;
  /** Where keys and aliases are kept and read from at start; without it they live in memory. One process a folder. */
  dataDir?: string;
  /** Milliseconds since 1970; decides when a key that is pending deletion is gone. */
  clock: () => number;
  /** Told of faults of the KMS or of `authorize` that callers see as `KMSInternalException`; default: a warning. */
  onFault?: (fault: unknown) => void;
}

export interface Kms {
  /** To give to `new KMSClient({ endpoint })`. */
  endpoint: string;
  /** Every request so far, oldest first, at most the newest 100,000; an entry is there before its answer is sent. */
  log: readonly LoggedOperation[];
  /** Resolves when the port is free and every change begun is on disk. Idempotent. */
  close(): Promise<void>;
}

/** @throws {Error} saying what to do when the port is taken or the folder cannot be read */
export async function startKms(options: KmsOptions): Promise<Kms> {
  const { region, clock, dataDir, onFault = warn } = options;
  const store = dataDir === undefined ? new KeyStore() : new KeyStore(...(await openKeyFolder(dataDir, region)));
  const log = new OperationLog();

  const answer = async (request: WireRequest, requestId: string): Promise<object> => {
    const entry = { requestId, at: clock(), operation: 'unknown', uses: [] as Call['uses'] };
    let known: Partial<Pick<LoggedOperation, 'accessKeyId' | 'principal' | 'account'>> = {};
    const append = (outcome: 'ok' | KmsErrorType): void =>
      log.append({ accessKeyId: undefined, principal: undefined, account: undefined, ...known, ...entry, outcome });
    try {
      entry.operation = readOperation(request);
      known.accessKeyId = readAccessKeyId(request, region);
      const caller = findCaller(options.callers, known.accessKeyId);
      known = { ...known, principal: caller.arn, account: caller.account };
      const run = OPERATIONS.get(entry.operation);
      if (!run) throw unsupported(entry.operation);
      await store.expire(entry.at);
      const call = { caller, region, store, authorize: options.authorize, now: entry.at, uses: entry.uses };
      const output = await run(call, readInput(request));
      append('ok');
      return output;
    } catch (thrown) {
      append(typeOf(thrown));
      if (!(thrown instanceof KmsError)) onFault(thrown);
      throw thrown;
    }
  };

  const server = await serve({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 }, answer);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await server.close();
    await store.settled();
  };
  return { endpoint: server.endpoint, log: log.entries, close: () => (closing ??= close()) };
}

const warn = (fault: unknown): void => process.emitWarning(fault instanceof Error ? fault : 'The KMS failed.');

function findCaller(callers: ReadonlyMap<string, Caller>, accessKeyId: string): Caller {
  const caller = callers.get(accessKeyId);
  if (caller) return caller;
  throw new KmsError('UnrecognizedClientException', 'The security token included in the request is invalid.');
}

const unsupported = (operation: string): KmsError =>
  new KmsError('UnsupportedOperationException', `${operation} is not supported by the embedded KMS.`);
