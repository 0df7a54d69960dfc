import { processIo } from '../../client/cli/io.ts';
import { runMutations } from './program.ts';

// Set rather than exited with, so that what was written last still reaches a pipe.
process.exitCode = await runMutations(process.argv.slice(2), processIo());
