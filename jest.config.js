const jestJupyterLab = require('@jupyterlab/testing/lib/jest-config');

const esModules = [
  '@codemirror',
  '@jupyter',
  '@jupyterlab',
  '@lumino',
  '@marijn',
  '@microsoft',
  '@rjsf',
  'exenv-es6',
  'lib0',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

const base = jestJupyterLab(__dirname);

// React's and the user's events have to share one copy, else what a user does is not wrapped in act().
const dom = require.resolve('@testing-library/dom', {
  paths: [require.resolve('@testing-library/react')]
});

module.exports = {
  ...base,
  automock: false,
  collectCoverage: false,
  moduleNameMapper: { ...base.moduleNameMapper, '^@testing-library/dom$': dom },
  // Finding by role takes seconds in jsdom on a machine that does other things too.
  testTimeout: 60000,
  reporters: ['default'],
  setupFilesAfterEnv: [
    ...(base.setupFilesAfterEnv ?? []),
    '@testing-library/jest-dom'
  ],
  testPathIgnorePatterns: ['/node_modules/', '/magics/', '/labextension/lib/'],
  modulePathIgnorePatterns: ['<rootDir>/magics/', '<rootDir>/.cache/', '<rootDir>/.venv/'],
  testRegex: 'labextension/src/.*/__tests__/.*\\.spec\\.tsx?$|labextension/src/__tests__/.*\\.spec\\.tsx?$',
  transform: {
    ...base.transform,
    '\\.tsx?$': ['ts-jest', { tsconfig: 'tsconfig.test.json', isolatedModules: true }]
  },
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
