// Loaded before every npm script of this repository: the sources are TypeScript that Node 24 runs directly.
// `npm ci` installs that Node as a dev dependency and puts it first on the PATH of npm scripts.
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `This needs Node 24, but ${process.version} is running.\n` +
      'Run `npm ci` in this folder: it brings Node 24 along. If it did, npm was told not to run install scripts:\n' +
      'allow them for this folder (npm ci --ignore-scripts=false), or put Node 24 on your PATH.\n',
  );
  process.exit(1);
}
