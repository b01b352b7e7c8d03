/**
 * The commands, by name.
 */

/** Ids of all commands; what each takes is in its `describedBy`. */
export namespace CommandIDs {
  export const openPanel = 'dask-steward:open-panel';
  export const newCluster = 'dask-steward:new-cluster'; // profile?, kernelId?, notebook?
  export const scale = 'dask-steward:scale-cluster'; // id?, workers?|jobs?
  export const adapt = 'dask-steward:adapt-cluster'; // id?, minimum, maximum
  export const stop = 'dask-steward:stop-cluster'; // id?
  export const stopAll = 'dask-steward:stop-all';
  export const rename = 'dask-steward:rename-cluster'; // id?
  export const restartWorkers = 'dask-steward:restart-workers'; // id?
  export const setTenure = 'dask-steward:set-tenure'; // id?, tenure
  export const saveAsProfile = 'dask-steward:save-as-profile'; // id?
  export const copyAddress = 'dask-steward:copy-address'; // id?
  export const openDetails = 'dask-steward:open-details'; // id?, tab?
  export const openLog = 'dask-steward:open-log'; // id?, name?
  export const openDashboard = 'dask-steward:open-dashboard'; // id?, path?, title?
  export const openDashboardUrl = 'dask-steward:open-dashboard-url'; // url?
  export const openLayout = 'dask-steward:open-dashboard-layout'; // id?
  export const insertCode = 'dask-steward:insert-client-code'; // id?
  export const attach = 'dask-steward:attach-notebook'; // id?
  export const toggleAutoAttach = 'dask-steward:toggle-auto-attach';
  export const editProfile = 'dask-steward:edit-profile'; // name?
  export const newProfile = 'dask-steward:new-profile'; // system?
  export const deleteProfile = 'dask-steward:delete-profile'; // name
  export const previewProfile = 'dask-steward:preview-profile'; // name
  export const discover = 'dask-steward:discover-profiles'; // system
  export const sweep = 'dask-steward:sweep';
  export const refresh = 'dask-steward:refresh';
}
