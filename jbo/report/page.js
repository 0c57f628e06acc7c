"use strict";
(function () {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const places = document.querySelectorAll("[data-chart]");

  // Charts take the colours of the page, which are others in the dark and on paper.
  function colours(isPrint) {
    const style = getComputedStyle(document.documentElement);
    const fore = isPrint ? "#000000" : style.getPropertyValue("--fore").trim();
    const line = isPrint ? "#bbbbbb" : style.getPropertyValue("--line").trim();
    return { fore, line };
  }
  function dressed(layout, { fore, line }) {
    const all = Object.assign({
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: 380, hovermode: "closest",
      margin: { l: 64, r: 12, t: 12, b: 48 }, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    }, layout);
    all.font = { color: fore, family: "system-ui, sans-serif", size: 12 };
    for (const axis of ["xaxis", "yaxis"]) {
      all[axis] = Object.assign({ gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, exponentformat: "power" }, layout[axis]);
    }
    return all;
  }
  function draw(isPrint) {
    for (const place of places) {
      const chart = charts[place.dataset.chart];
      Plotly.react(place, chart.data, dressed(chart.layout, colours(isPrint)), { responsive: true, displayModeBar: false });
    }
  }
  draw(false);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(false));
  // What is folded on the screen can't be opened on paper.
  const folded = Array.from(document.querySelectorAll("details"));
  let opened = [];
  addEventListener("beforeprint", () => {
    draw(true);
    opened = folded.filter((part) => !part.open);
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => {
    draw(false);
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
