/** Where the API is: in a browser the page's own host, in WeChat what the build was told (docs/mini-program.md). */
export function address(told: string | undefined): string {
  // #ifdef H5
  if (!told) return window.location.origin
  // #endif
  return told || 'http://127.0.0.1:8888'
}
