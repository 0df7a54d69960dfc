import { startTestKms } from './fixture.ts';

/* A KMS in a process of its own, for the test that kills it. Argument: the folder. Prints its endpoint. */
const [, , dataDir = ''] = process.argv;
const kms = await startTestKms({ dataDir });
process.stdout.write(`${kms.endpoint}\n`);
