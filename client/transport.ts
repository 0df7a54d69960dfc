import { parseJson } from '../core/json.ts';
import type { SigningKey } from '../core/jws.ts';
import { signRequest } from '../core/profile.ts';
import { MINUTE, SECOND } from '../core/time.ts';
import { ClientError, RelayProblem } from './errors.ts';
import { readProblem } from './problem.ts';
import { type Backoff, fullJitter } from './retry.ts';
import { type Runtime, runtimeOf } from './runtime.ts';

/*
 * Signed calls to the relay. Every attempt is signed anew, for a signature lives five minutes. All calls of the
 * protocol are idempotent, so whatever may help is tried again: a broken connection, `408`, `429`, and `5xx`, from the relay
 * or bare from the gateway. Nothing else is.
 */

const BACKOFF: Backoff = { base: 500, cap: 20 * SECOND };
/** How long one attempt may take, beyond what the relay was asked to wait. */
const ATTEMPT = 30 * SECOND;

export interface TransportOptions {
  /** Origin of the relay, such as `https://relay.example`; `http` only on this machine. */
  relay: string;
  /** Own partner id, and own signing key. */
  partner: string;
  signingKey: SigningKey;
  /** How long a call may take with all its attempts, in milliseconds, beyond `hold`; a minute if not given. */
  patience?: number | undefined;
  runtime?: Partial<Runtime> | undefined;
}

export interface Call {
  method: 'GET' | 'POST';
  path: string;
  /** Sent as JSON; none for a GET. */
  body?: object;
  headers?: Record<string, string>;
  /** Milliseconds that the relay is asked to hold the answer back (long polling). */
  hold?: number;
  signal?: AbortSignal | undefined;
}

/** A `2xx`, or the `304` to a conditional GET. */
export interface Reply {
  status: number;
  headers: Headers;
  /** Parsed strictly; `undefined` if there is none. */
  body: unknown;
}

export interface Transport {
  /**
   * @throws {RelayProblem} if the relay refuses
   * @throws {ClientError} `relay-unreachable`, `unexpected-answer`; the signal's reason if that is aborted
   */
  call(call: Call): Promise<Reply>;
}

export function createTransport(options: TransportOptions): Transport {
  const origin = parseOrigin(options.relay);
  const runtime = runtimeOf(options.runtime);
  const patience = options.patience ?? MINUTE;

  return {
    async call(call) {
      let deadline = runtime.now() + patience;
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await attemptCall(call, deadline - runtime.now());
        } catch (error) {
          // A clock that was set back meanwhile makes nobody more patient.
          deadline = Math.min(deadline, runtime.now() + patience);
          const wait = waitAfter(error, attempt, runtime.random());
          if (wait === undefined || runtime.now() + wait >= deadline) throw error;
          await runtime.wait(wait, call.signal);
        }
      }
    },
  };

  async function attemptCall({ method, path, body, headers, hold = 0, signal }: Call, left: number): Promise<Reply> {
    signal?.throwIfAborted();
    const url = origin + path;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const now = runtime.now();
    const signed = signRequest({ method, url, body: bytes }, { partner: options.partner, ...options.signingKey, now });
    const timeout = AbortSignal.timeout(attemptTimeout(left, hold));
    let response: Response;
    let content: Uint8Array;
    try {
      response = await runtime.fetch(url, {
        method,
        headers: { accept: 'application/json, application/problem+json', ...headers, ...signed },
        ...(bytes && { body: bytes }),
        // A signature is for one host, and a referral goes nowhere else.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      content = new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      signal?.throwIfAborted();
      throw toUnreachable(error, origin);
    }
    if (response.ok || response.status === 304) return readReply(response, content);
    if (response.status < 400) {
      throw new ClientError(
        'unexpected-answer',
        `${origin} answers with a redirect: set "relay" to the address the operator gave you.`,
      );
    }
    throw readProblem(response, content, { partner: options.partner, kid: options.signingKey.kid, now });
  }
}

/**
 * How long one attempt may take, in milliseconds. The time that the relay was asked to hold its answer comes on top of
 * what patience is left: whoever gives up sooner leaves it to the relay to receive, for nobody, what then stays hidden.
 */
export const attemptTimeout = (left: number, hold: number): number => Math.max(SECOND, Math.min(ATTEMPT, left)) + hold;

/** How long to wait before trying again, in milliseconds; `undefined` if that cannot help. */
export function waitAfter(error: unknown, attempt: number, fraction: number): number | undefined {
  const jitter = fullJitter(BACKOFF, attempt, fraction);
  if (error instanceof ClientError) return error.transient ? jitter : undefined;
  if (!(error instanceof RelayProblem) || !error.transient) return undefined;
  // Not sooner than asked, and not all at that very moment.
  return (error.retryAfter ?? 0) + jitter;
}

function parseOrigin(relay: string): string {
  const url = URL.canParse(relay) ? new URL(relay) : undefined;
  const fault =
    url === undefined || !/^https?:$/.test(url.protocol)
      ? 'must be a URL such as "https://relay.example"'
      : url.pathname !== '/' || url.search || url.hash || url.username || url.password
        ? 'must be an origin alone: no path, query, user or password'
        : url.protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
          ? 'must begin with "https://" unless the relay runs on this machine'
          : undefined;
  if (fault) throw new ClientError('profile', `Correct "relay": it ${fault}.`);
  return new URL(relay).origin;
}

function readReply({ status, headers }: Response, content: Uint8Array): Reply {
  if (content.length === 0) return { status, headers, body: undefined };
  try {
    return { status, headers, body: parseJson(content) };
  } catch (error) {
    throw new ClientError('unexpected-answer', 'The answer is not JSON: is "relay" really the address of the relay?', {
      cause: error,
    });
  }
}

/** Codes of Node's network layer that no second attempt mends, and what to do about them. */
function toUnreachable(error: unknown, origin: string): ClientError {
  const code = codeOf(error);
  const { host } = new URL(origin);
  const more = { cause: error };
  if (code === 'ECONNREFUSED') {
    const text = `No relay is running at ${origin}: start it, or correct "relay".`;
    return new ClientError('relay-unreachable', text, more);
  }
  if (code === 'ENOTFOUND') {
    const text = `There is no host ${host}: correct "relay", or check the network's name service.`;
    return new ClientError('relay-unreachable', text, more);
  }
  if (/^(?:CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_)|SELF_SIGNED/.test(code)) {
    const text = `The certificate of ${host} does not hold (${code}): check "relay", the clock, and any proxy in between.`;
    return new ClientError('relay-unreachable', text, more);
  }
  const text = `${origin} could not be reached (${code}): check the network and try again.`;
  return new ClientError('relay-unreachable', text, { ...more, transient: true });
}

function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === 'TimeoutError') return 'no answer in time';
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return 'connection failed';
}
