/** The pages, in the order of the navigation; each is loaded when it is first looked at. */
import type { ComponentType } from 'react';
import type { IconName } from '../components/icons.js';

export interface PageRoute {
  readonly path: string;
  /** In the navigation. */
  readonly label: string;
  readonly icon: IconName;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

export const ROUTES: readonly PageRoute[] = [
  { path: '/', label: 'Draw', icon: 'draw', load: () => import('../features/draw/draw-page.js') },
  { path: '/see', label: 'See it', icon: 'see', load: () => import('../features/story/story-page.js') },
  { path: '/batch', label: 'Batch', icon: 'batch', load: () => import('../features/batch/batch-page.js') },
  {
    path: '/compare',
    label: 'Compare',
    icon: 'compare',
    load: () => import('../features/compare/compare-page.js'),
  },
  { path: '/model', label: 'Model', icon: 'model', load: () => import('../features/model/model-page.js') },
  {
    path: '/workers',
    label: 'Workers',
    icon: 'workers',
    load: () => import('../features/workers/workers-page.js'),
  },
];
