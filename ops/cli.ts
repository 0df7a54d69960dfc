import { processIo } from '../client/cli/io.ts';
import { runOps } from './program.ts';

// Set rather than exited with, so that what was written last still reaches a pipe.
process.exitCode = await runOps(process.argv.slice(2), processIo());
