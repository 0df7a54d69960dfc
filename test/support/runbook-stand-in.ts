import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import type { Call } from './runbook-commands.ts';

/*
 * Stands on the PATH for `npm` and `npx` while the commands of a page run. What the project's two commands are asked goes
 * to runbook-commands.ts, that of the operator with the relay on this machine as its target; anything else to npm itself.
 * It starts some seventy times, and loads next to nothing.
 */

const [name = '', ...args] = process.argv.slice(2);
const { RUNBOOK_COMMANDS = '', RUNBOOK_RELAY = '', RUNBOOK_PATH = '' } = process.env;

function toCall(): Call | undefined {
  if (name === 'npx' && args[0] === 'referral-relay') return { program: 'referral-relay', args: args.slice(1) };
  const [run, script, dashes, ...rest] = args;
  if (name !== 'npm' || run !== 'run' || script !== 'ops' || dashes !== '--') return undefined;
  return { program: 'ops', args: [...rest, '--local', RUNBOOK_RELAY] };
}

const call = toCall();
if (call) {
  request(RUNBOOK_COMMANDS, { method: 'POST' }, (response) => {
    const { exit = '1', err = '' } = response.headers;
    process.exitCode = Number(exit);
    process.stderr.write(decodeURIComponent(String(err)));
    response.pipe(process.stdout);
  }).end(JSON.stringify(call));
} else {
  const { status } = spawnSync(name, args, { stdio: 'inherit', env: { ...process.env, PATH: RUNBOOK_PATH } });
  process.exitCode = status ?? 1;
}
