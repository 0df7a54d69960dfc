/** One emulated service, listening on 127.0.0.1. */
export interface Emulator {
  port: number;
  /** Resolves when the port is free and what was answered is on disk. */
  close: () => Promise<void>;
}
