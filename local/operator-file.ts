import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import type { Cloud } from './resources.ts';

/** What the operator's command needs to find this relay instead of one in AWS (`ops/target.ts` reads it). */
export interface OperatorFile {
  stage: string;
  region: string;
  /** Folders of the partners' registry files and profiles, relative to the file. */
  registry: string;
  profiles: string;
  endpoints: Cloud['endpoints'] & { lambda: string };
  /** Of the administrator of the relay's account; good for the emulators only. */
  credentials: { accessKeyId: string; secretAccessKey: string };
}

/** Writes `<dataDir>/operator.json`; the ports in it hold until the relay is stopped. */
export const writeOperatorFile = (dataDir: string, file: OperatorFile): Promise<void> =>
  writeFileAtomic(join(dataDir, 'operator.json'), `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
