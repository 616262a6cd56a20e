import '../styles/fonts.js';
import '../styles/global.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { SelfTestPage } from './self-test-page.js';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <SelfTestPage />
  </StrictMode>,
);
