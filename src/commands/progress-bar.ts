/** `[#####-----] 48 %`, as wide as the terminal leaves it beside `beside` columns of text. */
export function progressBar(done: number, total: number, columns: number, beside: number): string {
  const share = Math.min(1, done / Math.max(1, total))
  const cells = Math.max(10, Math.min(30, columns - beside))
  const full = Math.round(share * cells)
  return `[${'#'.repeat(full)}${'-'.repeat(cells - full)}] ${Math.floor(share * 100)} %`
}
