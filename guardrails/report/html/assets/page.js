// The rest of the page: light and dark theme, sorting of small tables, the list of requirements, printing.

/** Light, dark, or as the system is set; remembered if the browser allows storage to a local file. */
function themes() {
  const button = byId("theme");
  const kept = {
    get value() { try { return localStorage.getItem("guardrails-theme"); } catch { return null; } },
    set value(theme) { try { localStorage.setItem("guardrails-theme", theme); } catch { /* for this session only */ } },
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  // Asked anew each time: the system's change is seen before its event comes.
  const now = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const other = () => (now() === "dark" ? "light" : "dark");
  const label = () => {
    button.textContent = other() === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Show in ${other()} colours`);
  };
  if (kept.value) root.dataset.theme = kept.value;
  label();
  button.addEventListener("click", () => {
    kept.value = root.dataset.theme = other();
    label();
  });
  dark.addEventListener("change", label);
}

/** Sorts a static table by the buttons in its head; a cell's `data-value`, if any, replaces its text. */
function sortable(table) {
  const heads = all("thead th", table);
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent.trim();
    return value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value.toLowerCase();
  };
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.querySelector("button") && other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keyed = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
      keyed.sort(([a], [b]) => {
        const order = typeof a === typeof b ? Number(a > b) - Number(a < b) : Number(typeof a === "string") * 2 - 1;
        return down ? -order : order;
      });
      table.tBodies[0].append(...keyed.map(([, row]) => row));
    });
  });
}

/** Labels each cell of a table with its column: on a narrow screen, its rows are cards. */
function labelled(table) {
  const heads = all("thead th", table).map((head) => head.textContent.trim());
  for (const cell of all("tbody td", table)) cell.dataset.label = heads[cell.cellIndex] || "";
  table.classList.add("labelled");
}

/** Filters the requirements of all frameworks by text and verdict. */
function requirements() {
  const [text, verdict] = [byId("requirement-text"), byId("requirement-verdict")];
  if (!text) return;
  const frameworks = all("details.framework").map((details) => ({
    details,
    rows: all("tbody tr", details).map((row) => ({ row, text: row.textContent.toLowerCase() })),
  }));
  const update = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let [shown, of] = [0, 0];
    for (const { details, rows } of frameworks) {
      let here = 0;
      for (const { row, text: content } of rows) {
        row.hidden = !((!verdict.value || row.dataset.verdict === verdict.value)
          && words.every((word) => content.includes(word)));
        here += row.hidden ? 0 : 1;
      }
      const filtered = words.length > 0 || verdict.value !== "";
      details.hidden = filtered && !here;
      if (filtered && here) details.open = true;
      shown += here;
      of += rows.length;
    }
    byId("requirement-count").textContent = `${number(shown)} of ${number(of)} requirements shown`;
  };
  text.addEventListener("input", update);
  verdict.addEventListener("change", update);
  byId("requirement-filters").addEventListener("submit", (event) => event.preventDefault());
}

/** Opens the closed details that contain the target of a link, one inside the other. */
function openTarget() {
  let id = "";
  try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
  const target = id && byId(id);
  let closed = false;
  for (let at = target && target.closest("details"); at; at = at.parentElement.closest("details")) {
    closed = closed || !at.open;
    at.open = true;
  }
  if (closed) target.scrollIntoView();
}

/** Before printing: applies the filters to the printed table, and opens closed sections. */
function printing(list) {
  const table = byId("printed-findings");
  const [rows, words] = [table && [...table.tBodies[0].rows], byId("printed-words")];
  const limit = Number(byId("printed").dataset.limit);
  const original = words.textContent;
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all("details:not([open]):not(.aside, .framework)");
    opened.forEach((details) => { details.open = true; });
    if (list.query.words === "" || !table) return;
    const shown = bySetting(list.model, list.rows).slice(0, limit);
    table.tBodies[0].replaceChildren(...shown.map((group) => list.row(...group)));
    words.textContent = `Filtered by ${visible(list.query.words)}: ${counted(list.rows.length, "finding")}.`
      + (shown.length === limit ? ` The first ${number(limit)} rows are printed; findings.csv of this run lists all.` : "");
  });
  window.addEventListener("afterprint", () => {
    opened.forEach((details) => { details.open = false; });
    words.textContent = original;
    if (table) table.tBodies[0].replaceChildren(...rows);
  });
}

/** The key / moves to the search field, except while typing. */
function shortcuts(list) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || list.detail.open) return;
    if (event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    byId("search").focus();
  });
}

function start() {
  document.documentElement.classList.add("js");
  themes();
  const list = new List(new Model());
  if (matchMedia("(max-width: 700px)").matches) byId("filter-box").open = false;
  list.update();
  list.readAddress();
  all("table.sortable").forEach(sortable);
  all("main table:not(.list, #printed-findings)").forEach(labelled);
  requirements();
  openTarget();
  window.addEventListener("hashchange", openTarget);
  printing(list);
  shortcuts(list);
  byId("print").addEventListener("click", () => window.print());
  const ready = () => { document.documentElement.dataset.ready = ""; };
  if (list.waiting) list.waiting.then(ready);
  else ready();
}

start();
