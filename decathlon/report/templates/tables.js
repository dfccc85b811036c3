// A click on a column's head sorts its table; words above a long one hide other rows.
const units = {min: 60, h: 3600, k: 1e3, M: 1e6, GiB: 1024};
for (const table of document.querySelectorAll("table:not(.matrix)")) {
  const body = table.tBodies[0], heads = [...(table.tHead?.rows[0].cells ?? [])];
  if (body.rows.length < 3) continue;
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const found = text.match(/^(?:below |over )?(-?[0-9][0-9,]*\.?[0-9]*)(?![\d-]) ?([a-z]*)/i);
    return found ? found[1].replaceAll(",", "") * (units[found[2]] ?? 1) : text;
  };
  const order = (a, b) => typeof a !== typeof b ? (typeof a === "number" ? -1 : 1)
    : typeof a === "number" ? a - b : a.localeCompare(b);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      for (const other of heads) other.ariaSort = null;
      head.ariaSort = sign === 1 ? "ascending" : "descending";
      body.append(...[...body.rows].sort(
        (a, b) => sign * order(value(a, column), value(b, column))));
    });
  });
  if (body.rows.length > 12) {
    const search = document.createElement("input");
    search.type = "search";
    search.ariaLabel = search.placeholder = "Show rows with these words";
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/);
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(word => text.includes(word));
      }
    });
    table.before(search);
  }
}
