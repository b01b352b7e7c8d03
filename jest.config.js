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

module.exports = {
  ...base,
  automock: false,
  collectCoverage: false,
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
