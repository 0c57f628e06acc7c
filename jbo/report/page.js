"use strict";
(function () {
  // What is folded on the screen can't be opened on paper.
  const folded = Array.from(document.querySelectorAll("details"));
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = folded.filter((part) => !part.open);
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
  });

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => {
      const text = document.getElementById(button.dataset.copy);
      getSelection().selectAllChildren(text); // what a reader copies by hand where the clipboard is closed
      document.execCommand("copy");
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }

  // The table: numbers sort as numbers, empty cells stay at the end.
  const table = document.getElementById("trials"), body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const rows = Array.from(body.rows);
  function compare(a, b) {
    const x = a.dataset.order, y = b.dataset.order;
    return x !== undefined && y !== undefined ? Number(x) - Number(y) : a.textContent.localeCompare(b.textContent);
  }
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const isNone = (row) => row.cells[column].classList.contains("none");
    rows.sort((a, b) => isNone(a) - isNone(b) || sign * compare(a.cells[column], b.cells[column]));
    body.append(...rows);
  }));
  const filter = document.getElementById("filter"), status = document.getElementById("status");
  function sift() {
    const wanted = filter.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      const cells = Array.from(row.cells, (cell) => cell.textContent.toLowerCase());
      row.hidden = !cells.some((text) => text.includes(wanted)) || (status.value && row.className !== status.value);
      count += row.hidden ? 0 : 1;
    }
    document.getElementById("count").textContent = count + " of " + rows.length;
  }
  filter.addEventListener("input", sift);
  status.addEventListener("change", sift);
  sift();
})();
