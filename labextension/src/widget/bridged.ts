/**
 * The page's bridge, for React.
 */
import * as React from 'react';
import { findBridge, type IBridge, onBridge } from '../bridge/bridge';

/** The page's bridge, as long as there is one. */
export function useBridge(): IBridge | null {
  return React.useSyncExternalStore(onBridge, findBridge);
}
