/** Fonts from our own origin: one for headings and the answer, one for text and figures. */
import '@fontsource-variable/bricolage-grotesque/wght.css';
import '@fontsource-variable/instrument-sans/wght.css';
