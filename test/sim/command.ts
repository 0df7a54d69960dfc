import { processIo } from '../../client/cli/io.ts';
import { runSimulate } from './program.ts';

// Set rather than exited with, so that what was written last still reaches a pipe.
process.exitCode = await runSimulate(process.argv.slice(2), processIo());
