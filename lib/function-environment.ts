import { type FunctionName, ledgerTable } from '../core/names.ts';
import { OPTIONAL_VARIABLES, VARIABLES } from '../lambda/config.ts';
import { REGISTRY_FOLDER } from './bundle.ts';
import { type Place, queueUrlBase, topicArnBase } from './place.ts';
import type { StageSettings } from './stage-settings.ts';

/** Where Lambda unpacks a bundle. */
const TASK_ROOT = '/var/task';

/**
 * The environment of a function: exactly the variables that its own configuration reads.
 * @param authority host that requests are signed for
 * @throws {Error} if a function reads a variable that nobody sets here
 */
export function functionEnvironment(
  name: FunctionName,
  place: Place,
  { retention }: StageSettings,
  authority: string,
): Record<string, string> {
  const values: Readonly<Record<string, string>> = {
    STAGE: place.stage,
    LEDGER_TABLE: ledgerTable(place.stage),
    REGISTRY_DIR: `${TASK_ROOT}/${REGISTRY_FOLDER}`,
    QUEUE_URL_BASE: queueUrlBase(place),
    RELAY_AUTHORITY: authority,
    TOPIC_ARN_BASE: topicArnBase(place),
    CONTENT_DAYS: String(retention.contentDays),
    CUSTODY_DAYS: String(retention.custodyDays),
  };
  const environment: Record<string, string> = {};
  for (const variable of VARIABLES[name]) {
    if (variable === 'AWS_REGION') continue;
    const value = values[variable];
    if (value !== undefined) environment[variable] = value;
    else if (!OPTIONAL_VARIABLES.includes(variable)) {
      throw new Error(`The function ${name} reads ${variable}, which lib/function-environment.ts does not set`);
    }
  }
  return environment;
}
