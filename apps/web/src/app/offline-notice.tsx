import { useSyncExternalStore } from 'react';
import styles from './offline-notice.module.css';

function subscribe(changed: () => void): () => void {
  addEventListener('online', changed);
  addEventListener('offline', changed);
  return () => {
    removeEventListener('online', changed);
    removeEventListener('offline', changed);
  };
}

/** Says that this device is offline, and what works without a network: everything up to the moment of sending. */
export function OfflineNotice() {
  const online = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <div role="status">
      {!online && (
        <p className={styles.notice}>
          <b>This device is offline.</b> You can draw, open pictures and look at what was answered before;
          workers elsewhere are asked when the network is back.
        </p>
      )}
    </div>
  );
}
