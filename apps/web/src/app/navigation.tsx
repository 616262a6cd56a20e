import { Link, useLocation } from 'wouter';
import { Icon } from '../components/icons.js';
import styles from './navigation.module.css';
import { ROUTES } from './routes.js';

/** The pages: in a row under the head, on a phone along the lower edge. */
export function Navigation() {
  const [location] = useLocation();
  return (
    <nav className={styles.nav} aria-label="Pages">
      <ul className={styles.list}>
        {ROUTES.map(({ path, label, icon, load }) => (
          <li key={path}>
            <Link
              href={path}
              className={styles.link}
              aria-current={location === path ? 'page' : undefined}
              // By the time it is clicked it is here.
              onPointerEnter={() => void load().catch(() => undefined)}
              onFocus={() => void load().catch(() => undefined)}
            >
              <Icon name={icon} />
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
