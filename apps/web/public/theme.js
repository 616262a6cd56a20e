// Sets the chosen theme before the first paint; a separate file because the content security policy forbids inline
// scripts. The settings are written by features/settings/persistence.ts.
(() => {
  try {
    const { theme } = JSON.parse(localStorage.getItem('trivet.settings.1') ?? '{}');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // The system's theme it is.
  }
})();
