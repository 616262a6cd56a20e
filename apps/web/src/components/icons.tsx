/** The page's few icons, on a 20x20 grid. Decoration: whatever they label has words. */
const PATHS = {
  undo: 'M7.5 4 4 7.5 7.5 11M4 7.5h7.5a4.25 4.25 0 0 1 0 8.5H8',
  clear: 'M4 6h12M8 6V4h4v2M6 6l.8 10h6.4L14 6M8.6 9v4M11.4 9v4',
  picture: 'M3 5.5h14v10H3zM3 13l4-3.5 3 2.5 3-3 4 3.5M7 8.2v.1',
  settings: 'M3 6.5h7M14 6.5h3M3 13.5h3M10 13.5h7M12 4.5v4M8 11.5v4',
  light:
    'M10 6.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8M10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.3 4.3l1.2 1.2M14.5 14.5l1.2 1.2M15.7 4.3l-1.2 1.2M5.5 14.5l-1.2 1.2',
  dark: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3Z',
  close: 'M5 5l10 10M15 5 5 15',
  draw: 'M4 16l.8-3.6L13.4 3.8l2.8 2.8-8.6 8.6L4 16M11.6 5.6l2.8 2.8',
  see: 'M2.5 10S5.2 5 10 5s7.5 5 7.5 5-2.7 5-7.5 5-7.5-5-7.5-5M10 7.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4',
  batch: 'M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z',
  compare: 'M4 16.5V10M10 16.5v-13M16 16.5v-9',
  model: 'M10 3l7 3.5-7 3.5-7-3.5L10 3M3 10l7 3.5 7-3.5M3 13.5 10 17l7-3.5',
  workers:
    'M10 3a2.6 2.6 0 1 1 0 5.2A2.6 2.6 0 0 1 10 3M5.4 11.6a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2M14.6 11.6a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2',
  play: 'M6.5 4v12l9-6-9-6',
  pause: 'M6.5 4.5v11M13.5 4.5v11',
  back: 'M12.5 4.5 7 10l5.5 5.5',
  next: 'M7.5 4.5 13 10l-5.5 5.5',
  download: 'M10 3.5v9M6.2 9 10 12.8 13.8 9M4 16.5h12',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
