/** Draws on the page's pad with a real mouse, and reads what the page answers. */
import { expect, type Page } from '@playwright/test';

type Point = readonly [x: number, y: number];

/** Part of an ellipse, angles in turns, clockwise from three o'clock. */
function arc(centre: Point, radii: Point, from: number, to: number): Point[] {
  return Array.from({ length: 24 }, (_, step) => {
    const angle = 2 * Math.PI * (from + ((to - from) * step) / 23);
    return [centre[0] + radii[0] * Math.cos(angle), centre[1] + radii[1] * Math.sin(angle)];
  });
}

/** Strokes over the unit square, as a person would draw the digit. */
export const DRAWINGS: Readonly<Record<number, readonly (readonly Point[])[]>> = {
  0: [arc([0.5, 0.5], [0.2, 0.3], -0.25, 0.75)],
  1: [
    [
      [0.52, 0.18],
      [0.5, 0.5],
      [0.48, 0.82],
    ],
  ],
  2: [[...arc([0.48, 0.36], [0.19, 0.17], -0.48, 0.1), [0.3, 0.8], [0.5, 0.78], [0.74, 0.8]]],
  3: [[...arc([0.47, 0.34], [0.18, 0.16], -0.42, 0.25), ...arc([0.47, 0.66], [0.2, 0.17], -0.25, 0.42)]],
  7: [
    [
      [0.26, 0.24],
      [0.5, 0.22],
      [0.73, 0.22],
      [0.6, 0.5],
      [0.46, 0.82],
    ],
  ],
};

export async function draw(page: Page, digit: number): Promise<void> {
  const pad = page.getByLabel('Drawing pad');
  await pad.scrollIntoViewIfNeeded();
  const box = (await pad.boundingBox())!;
  for (const stroke of DRAWINGS[digit]!) {
    const [first, ...rest] = stroke.map(([x, y]): Point => [box.x + x * box.width, box.y + y * box.height]);
    await page.mouse.move(...first!);
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...point, { steps: 2 });
    await page.mouse.up();
  }
}

/** Waits until the three workers are ready. */
export async function workersReady(page: Page): Promise<void> {
  for (const name of ['alice', 'bob', 'carol']) {
    await expect(page.getByTestId(`worker-${name}`)).toHaveAttribute('data-level', 'ready');
  }
}

/** Waits for the answer. */
export async function expectAnswer(page: Page, digit: number): Promise<void> {
  await expect(page.getByTestId('answer')).toHaveText(`The answer is ${digit}`);
}

export async function chooseCompute(page: Page, choice: 'Automatic' | 'WebGPU' | 'CPU'): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('radio', { name: choice }).check({ force: true });
  await page.getByRole('button', { name: 'Close the settings' }).click();
}
