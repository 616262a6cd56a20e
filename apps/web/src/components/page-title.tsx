import { type ReactNode, useEffect, useRef } from 'react';
import styles from './page-title.module.css';

let pagesShown = 0;

interface PageTitleProps {
  readonly title: ReactNode;
  /** For the browser's tab. */
  readonly documentTitle: string;
  /** A sentence or two about the page. */
  readonly children?: ReactNode;
}

/** The page's heading. After a change of page it takes the focus, so that screen readers and keys start there. */
export function PageTitle({ title, documentTitle, children }: PageTitleProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${documentTitle} · Trivet`;
    if (pagesShown++ === 0) return;
    scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [documentTitle]);
  return (
    <div className={styles.title}>
      <h1 ref={heading} tabIndex={-1} className={styles.heading}>
        {title}
      </h1>
      {children !== undefined && <p className={styles.lead}>{children}</p>}
    </div>
  );
}
