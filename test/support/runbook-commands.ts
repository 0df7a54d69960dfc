import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { runCli } from '../../client/cli/program.ts';
import { runOps } from '../../ops/program.ts';
import { makeIo } from './heard-io.ts';

/*
 * Runs `npm run ops` and `npx referral-relay` for the stand-ins of `npm` and `npx` (runbook-stand-in.ts), so that not every
 * command of a page starts a program of its own. Works in the folder that it was started in; prints its address once.
 */

const Call = z.object({
  program: z.enum(['ops', 'referral-relay']),
  args: z.array(z.string()),
});
export type Call = z.infer<typeof Call>;

async function run({ program, args }: Call): Promise<{ exit: number; out: string; err: string }> {
  const { io, written } = makeIo();
  const exit = await (program === 'ops' ? runOps(args, io) : runCli(args, io));
  return { exit, ...written };
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { exit, out, err } = await run(Call.parse(JSON.parse(await text(request))));
  response.writeHead(200, { exit, err: encodeURIComponent(err) }).end(out);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`http://127.0.0.1:${port}\n`);
});
