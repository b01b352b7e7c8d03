import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: ['labextension/lib/**', 'magics/**', 'node_modules/**', '.venv/**', '.cache/**', '*.js', '*.mjs']
  },
  ...tseslint.configs.strict,
  // The plugin's own configuration names rules, but not the plugin.
  ...jupyter.configs.recommended.map(part => ({ ...part, plugins: { jupyter } })),
  prettier,
  {
    files: ['labextension/src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': reactHooks },
    rules: {
      ...reactHooks.configs.recommended.rules,
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z]', match: true } }
      ],
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      // Every plugin shows something from the start on, so a chunk of its own would only come later.
      'jupyter/prefer-lazy-imports': 'off',
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-arrow-callback': ['error', { allowNamedFunctions: true }]
    }
  },
  {
    // View code takes plain data and callbacks: it is shared with the notebook's widget.
    files: ['labextension/src/view/**/*.{ts,tsx}'],
    ignores: ['labextension/src/view/**/__tests__/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                '@jupyterlab/services',
                '@jupyterlab/application',
                '@jupyterlab/notebook',
                '@lumino/*',
                '../api',
                '../model*',
                '../commands'
              ],
              message: 'Views know neither requests nor the shell: give them data and callbacks.'
            }
          ]
        }
      ],
      'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource']
    }
  },
  {
    // Requests are made in api.ts alone.
    files: ['labextension/src/**/*.{ts,tsx}'],
    ignores: ['labextension/src/api.ts', 'labextension/src/api/**', 'labextension/src/view/**', '**/__tests__/**'],
    rules: {
      'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource'],
      'no-restricted-properties': [
        'error',
        { object: 'ServerConnection', property: 'makeRequest', message: 'Requests are made in api.ts.' }
      ]
    }
  },
  {
    files: ['**/__tests__/**'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // What tests make up is read by nobody.
      'jupyter/command-described-by': 'off',
      'jupyter/no-untranslated-string': 'off'
    }
  }
);
