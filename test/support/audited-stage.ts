import { partnersOfEverySort } from '../../audit/partners.ts';
import { STRANGER } from '../../audit/surroundings.ts';
import { readWorld } from '../../audit/world.ts';
import { readSettings } from '../../lib/stage-settings.ts';
import { RELAY_ACCOUNT } from '../../local/principals.ts';

/* A stage with one partner of every sort, where the embedded cloud has its relay: synthesized, and ready to be asked about. */

export const REGION = 'eu-west-1';
export const files = partnersOfEverySort(REGION);
const settings = {
  account: RELAY_ACCOUNT,
  region: REGION,
  alarmEmails: ['on-call@relay.example'],
  // Of an account whose administrator is a stranger to the relay.
  operators: [`arn:aws:iam::${STRANGER}:role/on-call`],
};
export const world = readWorld({ name: 'local', settings: readSettings('settings', JSON.stringify(settings)), files });
