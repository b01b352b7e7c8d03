/**
 * Icons that JupyterLab does not have.
 *
 * Their colours are Lab's classes, so that they follow the theme.
 */
import { LabIcon } from '@jupyterlab/ui-components';

/** A scheduler with three workers: everything of a cluster. */
export const clusterIcon = new LabIcon({
  name: 'dask-steward:cluster',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <rect x="8" y="2" width="8" height="6" rx="1.5"/>
    <rect x="2" y="16" width="6" height="6" rx="1.5"/>
    <rect x="9" y="16" width="6" height="6" rx="1.5"/>
    <rect x="16" y="16" width="6" height="6" rx="1.5"/>
    <path d="M11 8h2v3h6a1 1 0 0 1 1 1v4h-2v-3h-5v3h-2v-3H6v3H4v-4a1 1 0 0 1 1-1h6z"/>
  </g>
</svg>`
});

/** Bars of a plot: Dask's pages. */
export const dashboardIcon = new LabIcon({
  name: 'dask-steward:dashboard',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <g class="jp-icon3" fill="#616161">
    <path d="M3 3h2v16h16v2H3z"/>
    <rect x="7" y="11" width="3" height="6"/>
    <rect x="12" y="6" width="3" height="11"/>
    <rect x="17" y="9" width="3" height="8"/>
  </g>
</svg>`
});
