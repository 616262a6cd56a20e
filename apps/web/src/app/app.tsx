import { useRef } from 'react';
import { Button } from '../components/button.js';
import { Icon } from '../components/icons.js';
import { Logo } from '../components/logo.js';
import { useColourScheme } from '../components/use-colour-scheme.js';
import { AnswerPanel } from '../features/answer/answer-panel.js';
import { DrawPanel } from '../features/draw/draw-panel.js';
import { SampleStrip } from '../features/draw/sample-strip.js';
import { SettingsDialog } from '../features/settings/settings-dialog.js';
import { useTheme } from '../features/settings/use-theme.js';
import { SharesPanel } from '../features/shares/shares-panel.js';
import { WorkerDots } from '../features/workers/worker-dots.js';
import { WorkersPanel } from '../features/workers/workers-panel.js';
import { useAppStore } from '../stores/app-store.js';
import styles from './app.module.css';
import { EngineProvider } from './engine-context.js';
import { Trust } from './trust.js';

export function App() {
  useTheme();
  return (
    <EngineProvider>
      <div className={styles.page}>
        <PageHead />
        <main className={styles.main}>
          <div className={styles.hero}>
            <h1 className={styles.headline}>
              Draw a digit. Three computers read it. <em>None of them sees it.</em>
            </h1>
            <p className={styles.lead}>
              This page splits your drawing into random shares. Three workers compute on them and never join
              them; only their replies, added up here, give the answer.
            </p>
          </div>
          <div className={styles.stage}>
            <DrawPanel />
            <SampleStrip />
            <AnswerPanel />
            <SharesPanel />
          </div>
          <WorkersPanel />
          <Trust />
        </main>
      </div>
    </EngineProvider>
  );
}

function PageHead() {
  const settings = useRef<HTMLDialogElement>(null);
  const scheme = useColourScheme();
  const { changeSettings } = useAppStore.getState();
  return (
    <header className={styles.head}>
      <Logo />
      <div className={styles.controls}>
        <WorkerDots />
        <Button
          look="icon"
          aria-label={scheme === 'dark' ? 'Switch to light colours' : 'Switch to dark colours'}
          onClick={() => changeSettings({ theme: scheme === 'dark' ? 'light' : 'dark' })}
        >
          <Icon name={scheme === 'dark' ? 'light' : 'dark'} />
        </Button>
        <Button look="icon" aria-label="Settings" onClick={() => settings.current?.showModal()}>
          <Icon name="settings" />
        </Button>
      </div>
      <SettingsDialog dialog={settings} />
    </header>
  );
}
