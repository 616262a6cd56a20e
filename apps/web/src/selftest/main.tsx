import '../styles/fonts.js';
import '../styles/global.css';
import '../compute/without-eval.js';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { SelfTestPage } from './self-test-page.js';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SelfTestPage />
  </StrictMode>,
);
