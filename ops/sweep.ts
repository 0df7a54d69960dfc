import { EXIT } from '../client/cli/exit.ts';
import { done, type Ending, type Session } from './session.ts';

/** Runs the deployed sweep once, beside its schedule. */
export async function sweepOnce({ cloud, show }: Session): Promise<Ending> {
  const { rows, failures, complete } = await cloud.sweep();
  const result = `${rows} rows looked after, ${failures} failed${complete ? '' : ', cut short'}`;
  await show({ sweep: { rows, failures, complete } }, `${result}.`);
  return failures === 0 && complete ? done(result) : { exit: EXIT.partial, result };
}
