import { useRef } from 'react';
import { Link } from 'wouter';
import { Button } from '../components/button.js';
import { Icon } from '../components/icons.js';
import { Logo } from '../components/logo.js';
import { useColourScheme } from '../components/use-colour-scheme.js';
import { SettingsDialog } from '../features/settings/settings-dialog.js';
import { WorkerDots } from '../features/workers/worker-dots.js';
import { useAppStore } from '../stores/app-store.js';
import styles from './page-head.module.css';

export function PageHead() {
  const settings = useRef<HTMLDialogElement>(null);
  const scheme = useColourScheme();
  const { changeSettings } = useAppStore.getState();
  return (
    <header className={styles.head}>
      <Link href="/" className={styles.home} aria-label="Trivet, to the first page">
        <Logo />
      </Link>
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
