import { readdirSync, readFileSync } from 'node:fs';
import { LOG_CHANNEL, type LoggedLine } from '../../local/log-channel.ts';

/*
 * A sink for everything that a relay and its operator print, which is then searched for what must not be there: text
 * planted beforehand, in any of the forms that it may have been brought into on its way.
 */

export interface Leak {
  /** Which planted text, by a name of its own: what leaked is not shown again. */
  what: string;
  form: string;
  /** Who printed the line. */
  source: string;
}

/** Shorter text would be found by chance. */
const SHORTEST = 5;

/** What a text may look like in a log. Base64 has three, by where in a longer text it begins. */
export function formsOf(text: string): Map<string, string> {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const escaped = JSON.stringify(text).slice(1, -1);
  const forms = new Map([
    ['raw', text],
    ['JSON', escaped],
    ['JSON in JSON', JSON.stringify(escaped).slice(1, -1)],
    ['JSON in ASCII', toAscii(escaped)],
    ['URL', encodeURIComponent(text)],
    ['form', new URLSearchParams([['', text]]).toString().slice(1)],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ['bytes', bytes.join(',')],
  ]);
  for (const before of [0, 1, 2]) {
    const base64 = alignedBase64(bytes, before);
    forms.set(`base64, ${before} bytes in`, base64);
    forms.set(`base64url, ${before} bytes in`, base64.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

const toAscii = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The characters that stand for these bytes alone, whatever comes before and after them. */
function alignedBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

export class LeakSink {
  readonly #planted = new Map<string, string>();
  readonly #lines: LoggedLine[] = [];

  /** @param what a name for it; a text that is too short to be told from chance is refused */
  plant(what: string, text: string): void {
    if (text.length < SHORTEST) throw new Error(`${what} is too short to be found`);
    this.#planted.set(text, what);
  }

  take(source: string, line: string): void {
    this.#lines.push({ source, line });
  }

  /** Takes every line of every relay of this process from now on. @returns ends it */
  watch(): () => void {
    const listen = (message: unknown): void => {
      const { source, line } = message as LoggedLine;
      this.take(source, line);
    };
    LOG_CHANNEL.subscribe(listen);
    return () => {
      LOG_CHANNEL.unsubscribe(listen);
    };
  }

  /** Who has printed anything, and how many lines. */
  get sources(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { source } of this.#lines) counts.set(source, (counts.get(source) ?? 0) + 1);
    return counts;
  }

  /** What was planted and is there, by each form it is there in. */
  search(): Leak[] {
    const texts = Map.groupBy(this.#lines, ({ source }) => source);
    return [...texts].flatMap(([source, lines]) => {
      const text = lines.map(({ line }) => line).join('\n');
      return [...this.#planted].flatMap(([planted, what]) =>
        [...formsOf(planted)].flatMap(([form, looked]) => (text.includes(looked) ? [{ what, form, source }] : [])),
      );
    });
  }
}

/** Output that did not come by the channel: of another process, or of a command. */
export const publishOutput = (source: string, text: string): void => {
  for (const line of text.split('\n')) LOG_CHANNEL.publish({ source, line } satisfies LoggedLine);
};

const SAMPLES = new URL('../../samples/', import.meta.url);

/** What stands outside of the sealed document too. */
const OUTSIDE: ReadonlySet<string> = new Set(['schema', 'id', 'hotline', 'routing', 'urgency', 'onward']);

/** Of a text of a sample: shorter ones are words that a log may well hold. */
const TELLING = 7;

/** Everything that the sample referrals say about a case, by where it stands. */
export function textsOfSamples(): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, pointer: string): void => {
    if (typeof value === 'string' && value.length >= TELLING) found.set(value, pointer);
    else if (typeof value === 'object' && value !== null) {
      for (const [member, inner] of Object.entries(value)) walk(inner, `${pointer}/${member}`);
    }
  };
  for (const name of readdirSync(SAMPLES).filter((file) => file.endsWith('.json'))) {
    const document = JSON.parse(readFileSync(new URL(name, SAMPLES), 'utf8')) as object;
    for (const [member, value] of Object.entries(document)) {
      if (!OUTSIDE.has(member)) walk(value, `${name}/${member}`);
    }
  }
  return found;
}

/** How a compact JWE, JWS or a private key begins, whatever is in it. */
export const BEGINNINGS: Readonly<Record<string, string>> = {
  'a compact JWE or JWS': 'eyJhbGci',
  'a private key': '-----BEGIN PRIVATE KEY-----',
  'a private JWK': '"d":"',
};
