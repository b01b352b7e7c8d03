/**
 * What a person sees: React components that take plain data, callbacks and `trans`, shared with the notebook's widget.
 */
export * from './Banner';
export * from './ClusterCard';
export * from './ClusterList';
export * from './DashboardList';
export * from './EmptyPanel';
export * from './format';
export * from './HeldList';
export * from './LiveRegion';
export * from './Menu';
export * from './NewButton';
export * from './ProfileList';
export { clock, useClock } from './clock';
