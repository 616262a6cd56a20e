import type { ReactNode } from 'react';
import { Button } from './button.js';
import styles from './notice.module.css';

interface NoticeProps {
  readonly tone?: 'calm' | 'alarm';
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: { readonly label: string; readonly onClick: () => void } | undefined;
}

/** What is missing or went wrong, in a sentence, and a way on. */
export function Notice({ tone = 'calm', title, children, action }: NoticeProps) {
  return (
    <div className={styles.notice} data-tone={tone} role={tone === 'alarm' ? 'alert' : undefined}>
      <p className={styles.title}>{title}</p>
      <div className={styles.text}>{children}</div>
      {action !== undefined && (
        <Button look="strong" className={styles.action} onClick={action.onClick}>
          {action.label}
        </Button>
      )}
    </div>
  );
}
