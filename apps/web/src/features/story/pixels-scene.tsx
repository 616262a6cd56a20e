import { PixelCanvas } from '../../components/pixel-canvas.js';
import type { SceneProps } from './scene-props.js';
import styles from './scenes.module.css';

export function PixelsScene({ answer, progress }: SceneProps) {
  return (
    <div className={styles.single}>
      <div style={{ clipPath: `inset(0 0 ${(100 * (1 - progress)).toFixed(1)}% 0)` }}>
        <PixelCanvas
          width={28}
          height={28}
          values={answer.digit.pixels}
          label="The digit in 28 by 28 grey values"
          className={styles.large}
        />
      </div>
    </div>
  );
}
