import { lazy, Suspense, useEffect } from 'react';
import { Route, Switch } from 'wouter';
import { keepAsking } from '../features/answer/asking.js';
import { useTheme } from '../features/settings/use-theme.js';
import styles from './app.module.css';
import { EngineProvider, useEngine } from './engine-context.js';
import { Navigation } from './navigation.js';
import { NotFoundPage } from './not-found-page.js';
import { OfflineNotice } from './offline-notice.js';
import { PageBoundary } from './page-boundary.js';
import { PageHead } from './page-head.js';
import { ROUTES } from './routes.js';

const PAGES = ROUTES.map(({ path, load }) => ({ path, Page: lazy(load) }));

export function App() {
  useTheme();
  return (
    <EngineProvider>
      <Asking />
      <a href="#content" className={styles.skip}>
        Skip to the content
      </a>
      <div className={styles.page}>
        <PageHead />
        <Navigation />
        <OfflineNotice />
        <main id="content" className={styles.main}>
          <Switch>
            {PAGES.map(({ path, Page }) => (
              <Route key={path} path={path}>
                <PageBoundary key={path}>
                  <Suspense fallback={<div className={styles.waiting} aria-busy="true" />}>
                    <Page />
                  </Suspense>
                </PageBoundary>
              </Route>
            ))}
            <Route>
              <NotFoundPage />
            </Route>
          </Switch>
        </main>
      </div>
    </EngineProvider>
  );
}

/** The question about the digit at hand goes on while its asker looks at another page. */
function Asking() {
  const engine = useEngine();
  useEffect(() => (engine === null ? undefined : keepAsking(engine)), [engine]);
  return null;
}
