/**
 * The colour scheme: the system's, until the visitor chooses. It loads before the first paint, so the page does not
 * flash.
 */

{
  const root = document.documentElement;
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark';

  const chosen = localStorage.getItem('theme');
  if (chosen === 'dark' || chosen === 'light') {
    root.dataset.theme = chosen;
  }

  addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const show = () => button.setAttribute('aria-pressed', String(isDark()));
    button.addEventListener('click', () => {
      root.dataset.theme = isDark() ? 'light' : 'dark';
      localStorage.setItem('theme', root.dataset.theme);
      show();
    });
    prefersDark.addEventListener('change', show);
    show();
  });
}
