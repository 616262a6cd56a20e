/** Three ways to use the page: with a mouse, with fingers, and with the keys alone. */
import { expect, type Locator, type Page } from '@playwright/test';
import { draw } from './pad.js';

export interface Hands {
  /** A button or a link. */
  press(target: Locator): Promise<void>;
  /** One of several radio buttons. */
  choose(target: Locator): Promise<void>;
  /** Draws a 1. */
  drawOne(): Promise<void>;
}

/** More stops than any page has. */
const MOST_TABS = 150;

const hasFocus = (target: Locator) => target.evaluate((element) => element === document.activeElement);

/** Walks with Tab until the target has the focus; going on from the last stop begins anew at the first. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor({ state: 'attached' });
  for (let stop = 0; stop < MOST_TABS; stop++) {
    if (await hasFocus(target)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`${target} cannot be reached with Tab.`);
}

export function mouse(page: Page): Hands {
  return {
    press: (target) => target.click(),
    // The radio button itself is not seen: its label is.
    choose: (target) => target.locator('..').click(),
    drawOne: () => draw(page, 1),
  };
}

export function fingers(page: Page): Hands {
  return {
    press: (target) => target.tap(),
    choose: (target) => target.locator('..').tap(),
    drawOne: async () => {
      const pad = page.getByLabel('Drawing pad');
      await pad.scrollIntoViewIfNeeded();
      const box = (await pad.boundingBox())!;
      const devtools = await page.context().newCDPSession(page);
      const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x: number, y: number) =>
        devtools.send('Input.dispatchTouchEvent', {
          type,
          touchPoints:
            type === 'touchEnd' ? [] : [{ x: box.x + x * box.width, y: box.y + y * box.height, id: 1 }],
        });
      await touch('touchStart', 0.52, 0.18);
      for (let step = 1; step <= 16; step++)
        await touch('touchMove', 0.52 - 0.0025 * step, 0.18 + 0.04 * step);
      await touch('touchEnd', 0.48, 0.82);
      await devtools.detach();
    },
  };
}

export function keys(page: Page): Hands {
  return {
    press: async (target) => {
      await expect(target).toBeEnabled();
      await tabTo(page, target);
      await page.keyboard.press('Enter');
    },
    choose: async (target) => {
      const fieldset = target.locator('xpath=ancestor::fieldset');
      await tabTo(page, fieldset.getByRole('radio').and(page.locator('input:checked')));
      const count = await fieldset.getByRole('radio').count();
      for (let step = 0; step < count && !(await target.isChecked()); step++) {
        await page.keyboard.press('ArrowRight');
      }
      await expect(target).toBeChecked();
    },
    drawOne: async () => {
      await tabTo(page, page.getByLabel('Drawing pad'));
      for (let step = 0; step < 9; step++) await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Space');
      for (let step = 0; step < 18; step++) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Space');
    },
  };
}
