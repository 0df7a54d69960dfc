import { writeFile } from 'node:fs/promises';
import { serviceControlPolicy } from '../lib/service-control-policy.ts';

/*
 * Writes deploy/service-control-policy.json, ready to attach to the relay's account: `npm run deploy:control-policy`. A
 * test fails while the file differs from the code.
 */

export const CONTROL_POLICY_FILE = new URL('../deploy/service-control-policy.json', import.meta.url);

export const controlPolicyText = (): string => `${JSON.stringify(serviceControlPolicy(), null, 2)}\n`;

if (import.meta.main) await writeFile(CONTROL_POLICY_FILE, controlPolicyText());
