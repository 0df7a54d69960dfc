declare module 'write-file-atomic' {
  /** Writes beside `path`, syncs, then renames, so that a reader finds the old file or the new one, never a part. */
  export default function writeFileAtomic(path: string, data: string, options: { mode: number }): Promise<void>;
}
