/** Fonts from our own origin: one for headings and the answer, one for text, one for figures. */
import '@fontsource-variable/bricolage-grotesque/wght.css';
import '@fontsource-variable/geist-mono/wght.css';
import '@fontsource-variable/instrument-sans/wght.css';
