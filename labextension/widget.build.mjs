/*
 * Build the notebook's widget: the compiled views, React and the styles in one ES module that a page takes as it is.
 *
 * rspack comes with @jupyter/builder, which builds the JupyterLab half: one bundler, and nothing more to install.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rspack } from '@rspack/core';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'magics', 'dask_steward', 'widgets', 'static');

const options = {
  mode: 'production',
  target: ['web', 'es2022'],
  devtool: false,
  context: here,
  entry: { widget: './lib/widget/index.js' },
  output: {
    path: out,
    filename: '[name].js',
    clean: true,
    module: true,
    library: { type: 'module' }
  },
  experiments: { outputModule: true },
  optimization: {
    splitChunks: false,
    runtimeChunk: false,
    minimizer: [
      // React's licence asks to be kept: it lies beside the file.
      new rspack.SwcJsMinimizerRspackPlugin({
        extractComments: { condition: /@license|@preserve|^!/, filename: 'widget.js.LICENSE.txt', banner: false }
      })
    ]
  },
  performance: { hints: false },
  module: {
    // Styles are put into the page, or the shadow root, that the widget stands in.
    rules: [{ test: /\.css$/, type: 'asset/source' }]
  }
};

const stats = await new Promise((resolve, reject) => {
  rspack(options, (error, found) => (error ? reject(error) : resolve(found)));
});
if (stats.hasErrors()) {
  process.stderr.write(`${stats.toString('errors-only')}\n`);
  process.exit(1);
}
const file = join(out, 'widget.js');
const { size } = await stat(file);
const packed = gzipSync(await readFile(file)).length;
process.stdout.write(`widget.js: ${(size / 1024).toFixed(0)} kB, ${(packed / 1024).toFixed(0)} kB gz\n`);
