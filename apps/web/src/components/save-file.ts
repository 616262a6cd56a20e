/** Offers a file made on this page for saving. */
export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the content by the next minute.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
