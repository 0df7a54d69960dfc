import type { Io } from '../../client/cli/io.ts';

/** The surroundings of a command that nobody watches, with nothing to read, and what it writes there. */
export function makeIo(): { io: Io; written: { out: string; err: string } } {
  const written = { out: '', err: '' };
  const io: Io = {
    out: (text) => Promise.resolve(void (written.out += text)),
    err: (text) => Promise.resolve(void (written.err += text)),
    stdin: (async function* () {})(),
    ask: undefined,
    env: {},
    colour: false,
    watched: false,
    signal: new AbortController().signal,
  };
  return { io, written };
}
