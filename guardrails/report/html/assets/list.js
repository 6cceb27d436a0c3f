// The table of findings (or of resources), its filters and its pages.

const PAGE = 50;
/** The filters that are drop-down lists. */
const SELECTS = ["account", "region", "service", "policy", "owner", "exposure", "framework", "control", "change"];
const BOXES = ["status", "severity"];

class List {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.query = new Query();
    this.rows = [];
    /** Purpose to the number of the last thing that was asked for. */
    this.asked = new Map();
    this.form = byId("filters");
    this.tables = { findings: byId("list-findings"), resources: byId("list-resources") };
    this.detail = new Detail(model, (step) => this.step(step), () => this.closed());
    this.listen();
  }

  listen() {
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", (event) => this.chosen(event.target));
    let typing = 0;
    byId("search").addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        // A word that is typed is one step back, not one for each letter.
        this.change((query) => { query.text = event.target.value.trim(); }, this.typing);
        this.typing = true;
      }, 150);
    });
    byId("save-csv").addEventListener("click", () => this.withDetails(
      "csv", this.rows, () => save("findings-filtered.csv", csv(this.model, this.rows))));
    byId("reset").addEventListener("click", () => this.go(new Query()));
    for (const button of all("button[data-sort]", this.tables.findings)) {
      button.addEventListener("click", () => this.sortBy(button.dataset.sort));
    }
    for (const table of Object.values(this.tables)) {
      table.tBodies[0].addEventListener("click", (event) => this.clicked(event));
      table.tBodies[0].addEventListener("keydown", (event) => this.pressed(event));
    }
    byId("page-before").addEventListener("click", () => this.turn(-1));
    byId("page-after").addEventListener("click", () => this.turn(1));
    for (const radio of all("input[name=view]")) {
      radio.addEventListener("change", () => this.change((query) => { query.view = radio.value; }));
    }
    window.addEventListener("hashchange", () => this.readAddress());
  }

  /**
   * Applies the filters in the address; an address of another section leaves the list unchanged. After Back or Forward,
   * the list is as it was: each entry of the history keeps its filters.
   */
  readAddress() {
    const kept = history.state;
    const query = Query.read(location.hash) || (kept && Query.read(kept.list));
    this.typing = false;
    if (query) {
      this.query = query;
      if (query.list !== this.shown) this.update();
    }
    if (query && query.finding) this.openById(query.finding);
    else if (this.detail.open) this.detail.close();
    if (kept) this.focusOpened();
    else this.keep("replaceState", location.hash);
    if (!kept && Query.read(location.hash) && !query.finding) {
      byId("findings").scrollIntoView();
      byId("findings-title").focus({ preventScroll: true });
    }
  }

  /** Puts an address with the state of the list into the history. `opened`: Back closes the open finding. */
  keep(how, address, opened = false) {
    history[how]({ list: this.query.hash, opened }, "", address || location.href);
  }

  /** Applies a query to the page and the address; with `replace`, it is no new step of the history. */
  go(query, replace = false) {
    this.query = query;
    this.typing = false;
    if (query.hash !== location.hash) this.keep(replace ? "replaceState" : "pushState", query.hash);
    this.update();
  }

  change(how, replace = false) {
    how(this.query);
    this.query.page = 0;
    this.go(this.query, replace);
  }

  chosen(field) {
    const { name, value } = field;
    if (BOXES.includes(name)) {
      this.change((query) => {
        query.chosen[name] = new Set(all(`input[name=${name}]:checked`, this.form).map((box) => box.value));
      });
    } else if (SELECTS.includes(name)) {
      this.change((query) => {
        query.chosen[name] = new Set(value ? [value] : []);
        if (name === "framework") query.chosen.control.clear();
      });
    } else if (name === "sort") {
      this.change((query) => { query.sort = value; query.down = false; });
    }
  }

  sortBy(column) {
    this.change((query) => {
      query.down = query.sort === column && !query.down;
      query.sort = column;
    });
  }

  turn(pages) {
    this.query.page += pages;
    this.go(this.query);
    byId("findings").scrollIntoView();
  }

  // Showing.

  update() {
    if (this.query.needsDetails) this.withDetails("list", null, () => this.run());
    else this.run();
  }

  /**
   * Does something with the details of these rows (of all, without any): now if they are here, or else when they are
   * loaded. What was asked for before with the same purpose and still waits is given up.
   */
  withDetails(purpose, rows, then) {
    const wait = this.model.load(rows, (text) => { byId("count").textContent = text; });
    const mine = (this.asked.get(purpose) || 0) + 1;
    this.asked.set(purpose, mine);
    if (!wait) {
      then();
      return;
    }
    this.waiting = wait.then(() => { if (mine === this.asked.get(purpose)) then(); }).catch((error) => {
      byId("count").textContent = visible(error.message);
    });
  }

  run() {
    const { rows, counts } = this.query.run(this.model);
    this.shown = this.query.list;
    this.rows = rows;
    this.fill(counts);
    const resources = this.query.view === "resources";
    this.items = resources ? byResource(this.model, rows) : bySetting(this.model, rows);
    const last = Math.max(0, Math.ceil(this.items.length / PAGE) - 1);
    this.query.page = Math.min(this.query.page, last);
    const from = this.query.page * PAGE;
    const shown = this.items.slice(from, from + PAGE);
    // On paper are the first ones, and the browser does not wait for a file then.
    const printed = resources ? [] : this.items.slice(0, Number(byId("printed").dataset.limit));
    const needed = [...shown, ...printed].flatMap((item) => (resources ? [item.row] : item));
    this.withDetails("list", needed, () => this.show(shown, resources, from, last));
  }

  show(shown, resources, from, last) {
    const { rows } = this;
    const table = this.tables[this.query.view];
    table.tBodies[0].replaceChildren(...shown.map((item) => (resources ? this.resourceRow(item) : this.row(...item))));
    this.tables.findings.hidden = resources;
    this.tables.resources.hidden = !resources;
    byId("none").hidden = shown.length > 0;
    byId("pager").hidden = this.items.length <= PAGE;
    byId("page-place").textContent = `${number(from + 1)} to ${number(from + shown.length)} of ${number(this.items.length)}`;
    byId("page-before").disabled = !this.query.page;
    byId("page-after").disabled = this.query.page === last;
    byId("count").textContent = `${number(rows.length)} of ${counted(this.model.length, "finding")} shown`
      + (resources ? `, on ${counted(this.items.length, "resource")}`
        : this.items.length < rows.length ? ` in ${counted(this.items.length, "row")}` : "");
    byId("save-csv").disabled = !rows.length;
    byId("reset").hidden = this.query.words === "" && this.query.view === "findings";
    this.markOrder();
  }

  /** Sets the filters from the query, and shows for each value how many findings it would leave. */
  fill(counts) {
    const { chosen } = this.query;
    for (const name of BOXES) {
      for (const box of all(`input[name=${name}]`, this.form)) {
        box.checked = chosen[name].has(box.value);
        box.parentElement.querySelector(".number").textContent = number(counts[name].get(box.value) || 0);
      }
    }
    for (const name of SELECTS) this.fillSelect(name, counts[name]);
    const search = byId("search");
    if (search.value.trim() !== this.query.text) search.value = this.query.text;
    const linked = LINKED.flatMap((name) => [...chosen[name]]).join("; ");
    byId("linked").hidden = !linked;
    byId("linked-name").textContent = visible(linked);
    for (const radio of all("input[name=view]")) radio.checked = radio.value === this.query.view;
    byId("sort").value = this.query.sort;
  }

  fillSelect(name, counts) {
    const select = this.form.elements[name];
    const [value = ""] = this.query.chosen[name];
    const framework = [...this.query.chosen.framework][0] || value.split(":")[0];
    const values = [...new Set([...counts.keys(), ...this.query.chosen[name]])]
      .filter((key) => key !== "none" && (name !== "control" || key.startsWith(`${framework}:`)))
      .map((key) => [key, this.labelOf(name, key)])
      .sort(([, a], [, b]) => a.localeCompare(b, "en", { numeric: true }));
    select.replaceChildren(h("option", { value: "" }, "Any"), ...values.map(
      ([key, text]) => h("option", { value: key }, `${text} (${number(counts.get(key) || 0)})`)));
    select.value = value;
    select.disabled = name === "control" && !framework;
    select.closest(".field").classList.toggle("active", value !== "");
  }

  /** The label of a filter's value. */
  labelOf(name, value) {
    if (name === "account") {
      const account = this.model.accounts.find((known) => known.id === value);
      return account && account.name !== value ? `${account.name} ${value}` : value;
    }
    if (name === "exposure") return EXPOSURES[value] || value;
    if (name === "framework") return (this.model.frameworks[value] || { title: value }).title;
    if (name === "control") return value.slice(value.indexOf(":") + 1);
    return name === "change" ? capital(value) : value;
  }

  markOrder() {
    for (const button of all("button[data-sort]", this.tables.findings)) {
      const mine = button.dataset.sort === this.query.sort;
      const order = this.query.down ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", mine ? order : "none");
    }
  }

  /** The table row of a finding; `others` are findings of the same setting. */
  row(row, ...others) {
    const { model } = this;
    const policy = model.policyOf(row);
    const status = model.statusOf(row);
    const account = model.accountOf(row);
    const change = model.changes[model.change[row]];
    return h("tr", { role: "row", "data-row": row },
      h("td", { role: "cell", class: "c-severity" }, severityChip(model.severityOf(row)),
        policy.exposure === "internal" ? null : h("span", { class: "tag" }, EXPOSURES[policy.exposure])),
      h("td", { role: "cell", class: "c-finding" },
        h("button", { type: "button", class: "open" }, policy.title),
        h("span", { class: "under mono" }, [row, ...others].map((one) => model.policyOf(one).name).join(", ")),
        others.length ? h("span", { class: "tag" }, `${policy.setting}: ${others.length + 1} policies`) : null),
      h("td", { role: "cell", class: "c-resource mono" }, model.resource[row]),
      h("td", { role: "cell", class: "c-account" }, account.name,
        account.name === account.id ? null : h("span", { class: "under mono" }, account.id)),
      h("td", { role: "cell", class: "c-region" }, model.regionOf(row)),
      h("td", { role: "cell", class: "c-first" }, day(model.times[model.first[row]]),
        change === "none" ? null : h("span", { class: "tag" }, capital(change)),
        model.daysOpen(row) ? h("span", { class: "under" }, counted(model.daysOpen(row), "day")) : null),
      h("td", { role: "cell", class: "c-status" }, statusChip(status)));
  }

  resourceRow({ row, rows, risk }) {
    const { model } = this;
    const account = model.accountOf(row);
    const query = new URLSearchParams([["resource", model.resourceKey(row)]]);
    for (const status of this.query.chosen.status.size ? this.query.chosen.status : [ANY]) query.append("status", status);
    const titles = [...new Set(rows.map((one) => model.policyOf(one).title))];
    return h("tr", { role: "row" },
      h("td", { role: "cell", class: "c-resource" },
        h("a", { class: "mono open", href: `#findings?${query}` }, model.resource[row]),
        h("span", { class: "under mono" }, model.arn[row])),
      h("td", { role: "cell", class: "c-account" }, account.name,
        account.name === account.id ? null : h("span", { class: "under mono" }, account.id)),
      h("td", { role: "cell", class: "c-region" }, model.regionOf(row)),
      h("td", { role: "cell", class: "c-finding" }, h("span", { class: "chips" }, ...this.severities(rows)),
        h("span", { class: "under" }, titles.slice(0, 3).join("; ") + (titles.length > 3 ? `; ${titles.length - 3} more` : ""))),
      h("td", { role: "cell", class: "c-risk number" }, number(risk)));
  }

  /** A chip with a number for each severity among the rows. */
  severities(rows) {
    const counts = new Map();
    for (const row of rows) {
      const severity = this.model.severityOf(row);
      counts.set(severity, (counts.get(severity) || 0) + 1);
    }
    return this.model.severities.filter((severity) => counts.has(severity)).map((severity) => h(
      "span", { class: `chip severity-${severity}` }, `${counts.get(severity)} ${severity}`));
  }

  // Opening.

  clicked(event) {
    const row = event.target.closest("tr[data-row]");
    // A click that ends a text selection must not open the row.
    if (row && String(getSelection()) === "") this.openRow(Number(row.dataset.row));
  }

  pressed(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    const openers = all(".open", event.currentTarget);
    const at = openers.indexOf(document.activeElement);
    if (!(event.key in steps) || at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openers[Math.min(openers.length - 1, Math.max(0, at + steps[event.key]))].focus();
  }

  showRow(row) {
    this.query.finding = this.model.id[row];
    if (this.query.hash !== location.hash) {
      // From one finding to the next is no step of the history: Back leads to the list.
      const opened = !this.detail.open || Boolean(history.state && history.state.opened);
      this.keep(this.detail.open ? "replaceState" : "pushState", this.query.hash, opened);
    }
    this.opened = row;
    this.detail.show(row, this.placeOf(row));
  }

  /** Opens a row when its details, and those of the findings that it links to, are here. */
  openRow(row) {
    this.withDetails("detail", this.model.files ? [row, ...this.model.sameSetting(row)] : [row], () => this.showRow(row));
  }

  /** Opens a finding by its id, even if the filters hide it. */
  openById(id) {
    const row = this.model.id.indexOf(id);
    if (row < 0 && this.model.load()) this.withDetails("detail", null, () => this.openById(id));
    else if (row < 0) {
      this.query.finding = "";
      byId("count").textContent = visible(`This report has no finding with the ID ${id}`);
    } else this.openRow(row);
  }

  placeOf(row) {
    const at = this.rows.indexOf(row);
    byId("detail-before").disabled = at <= 0;
    byId("detail-after").disabled = at < 0 || at === this.rows.length - 1;
    return at < 0 ? "not in the filtered list" : `${number(at + 1)} of ${number(this.rows.length)}`;
  }

  step(by) {
    const next = this.rows[this.rows.indexOf(this.opened) + by];
    if (next === undefined || !this.rows.includes(this.opened)) return;
    const page = Math.floor(this.items.findIndex((item) => [item].flat().includes(next)) / PAGE);
    if (this.query.view === "findings" && page !== this.query.page) {
      this.query.page = page;
      this.update();
    }
    this.openRow(next);
  }

  closed() {
    const address = Query.read(location.hash);
    this.query.finding = "";
    if (address && address.finding) {
      if (history.state && history.state.opened) history.back();
      else this.keep("replaceState", this.query.hash);
    }
    this.focusOpened();
  }

  focusOpened() {
    if (this.opened === undefined || this.detail.open) return;
    const row = this.tables.findings.querySelector(`tr[data-row="${this.opened}"] .open`);
    if (row) row.focus();
  }
}
