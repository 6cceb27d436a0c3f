// Which findings are shown, and in which order. It is kept in the address, so that a link includes the filters.

/** Filter name to the values of a row. A row matches a filter when one of its values is chosen. */
const DIMENSIONS = {
  status: (model, row) => [model.statusOf(row)],
  severity: (model, row) => [model.severityOf(row)],
  exposure: (model, row) => [model.policyOf(row).exposure],
  account: (model, row) => [model.accountOf(row).id],
  region: (model, row) => [model.regionOf(row)],
  service: (model, row) => [model.policyOf(row).service],
  policy: (model, row) => [model.policyOf(row).name],
  owner: (model, row) => [model.ownerOf(row) || "none"],
  framework: (model, row) => model.policyOf(row).frameworks,
  control: (model, row) => model.policyOf(row).allControls,
  change: (model, row) => [model.changes[model.change[row]]],
  resource: (model, row) => [model.resourceKey(row)],
  exception: (model, row) => [model.exceptionKey(row)],
};
/** Filters that only a link sets; they have no drop-down list. */
const LINKED = ["resource", "exception"];
const NAMES = Object.keys(DIMENSIONS);
const ANY = "any";

/** Column name to the value that is compared; the findings themselves are in order of severity. */
const ORDERS = {
  severity: (model, row) => model.severity[row],
  finding: (model, row) => model.policyOf(row).title,
  resource: (model, row) => model.resource[row],
  account: (model, row) => model.accountOf(row).name,
  region: (model, row) => model.regionOf(row),
  first: (model, row) => model.times[model.first[row]],
  status: (model, row) => model.status[row],
};

/** Filters, order, page and view; read from the address and written to it. */
class Query {
  constructor() {
    this.chosen = Object.fromEntries(NAMES.map((name) => [name, new Set()]));
    this.chosen.status.add("open");
    this.text = "";
    this.sort = "severity";
    this.down = false;
    this.page = 0;
    this.view = "findings";
    this.finding = "";
  }

  /** @param {string} hash `#findings?severity=high&q=bucket`; null for any other address */
  static read(hash) {
    const match = /^#findings\?(.*)$/s.exec(hash);
    if (!match) return null;
    const given = new URLSearchParams(match[1]);
    const query = new Query();
    for (const name of NAMES) {
      if (given.has(name)) query.chosen[name] = new Set(given.getAll(name).filter((value) => value !== ANY));
    }
    query.text = given.get("q") || "";
    const sort = given.get("sort") || "severity";
    query.down = sort.startsWith("-");
    query.sort = sort.replace(/^-/, "");
    if (!(query.sort in ORDERS)) query.sort = "severity";
    query.page = Math.max(0, (parseInt(given.get("page"), 10) || 1) - 1);
    query.view = given.get("view") === "resources" ? "resources" : "findings";
    query.finding = given.get("finding") || "";
    return query;
  }

  /** Whether only open findings are shown, which is the default. */
  get openOnly() { return this.chosen.status.size === 1 && this.chosen.status.has("open"); }

  /** The address of this query without the open finding: equal for two queries with the same list. */
  get list() { return this.hash.replace(/&?finding=\w+$/, ""); }

  /** The address of this query. */
  get hash() {
    const parameters = new URLSearchParams();
    for (const name of NAMES) {
      for (const value of this.chosen[name]) parameters.append(name, value);
    }
    if (!this.chosen.status.size) parameters.append("status", ANY);
    else if (this.openOnly) parameters.delete("status");
    if (this.text) parameters.set("q", this.text);
    if (this.sort !== "severity" || this.down) parameters.set("sort", `${this.down ? "-" : ""}${this.sort}`);
    if (this.page) parameters.set("page", this.page + 1);
    if (this.view !== "findings") parameters.set("view", this.view);
    if (this.finding) parameters.set("finding", this.finding);
    return `#findings?${parameters}`;
  }

  /** The filters as text, for the printed page; empty when all open findings are shown. */
  get words() {
    const words = NAMES.filter((name) => this.chosen[name].size)
      .map((name) => `${name} ${[...this.chosen[name]].join(" or ")}`);
    if (!this.chosen.status.size) words.unshift("any status");
    if (this.text) words.push(`text “${this.text}”`);
    return words.length === 1 && this.openOnly ? "" : words.join("; ");
  }

  /**
   * The rows that match, in order, and for each filter how many rows each of its values would match.
   * @param {Model} model
   * @returns {{rows: number[], counts: Object<string, Map<string, number>>}}
   */
  run(model) {
    const rows = [];
    const counts = Object.fromEntries(NAMES.map((name) => [name, new Map()]));
    const words = this.text.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = words.length ? model.searchable : null;
    for (let row = 0; row < model.length; row += 1) {
      if (texts && !words.every((word) => texts[row].includes(word))) continue;
      const values = NAMES.map((name) => DIMENSIONS[name](model, row));
      const failed = NAMES.filter((name, n) => this.chosen[name].size
        && !values[n].some((value) => this.chosen[name].has(value)));
      if (!failed.length) rows.push(row);
      // A filter does not apply to its own numbers: they show what another choice would match.
      NAMES.forEach((name, n) => {
        if (LINKED.includes(name) || failed.length > 1 || (failed.length === 1 && failed[0] !== name)) return;
        for (const value of values[n]) counts[name].set(value, (counts[name].get(value) || 0) + 1);
      });
    }
    return { rows: this.ordered(model, rows), counts };
  }

  ordered(model, rows) {
    if (this.sort === "severity" && !this.down) return rows;
    const keys = new Map(rows.map((row) => [row, ORDERS[this.sort](model, row)]));
    const sign = this.down ? -1 : 1;
    return rows.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      if (x === y) return a - b;
      return x < y ? -sign : sign;
    });
  }
}

/**
 * The rows grouped by resource and setting, in their order: policies that judge the same setting share a row of the table.
 * @returns {number[][]} the rows of each group
 */
function bySetting(model, rows) {
  const groups = new Map();
  for (const row of rows) {
    const { setting } = model.policyOf(row);
    const key = setting ? [setting, model.status[row], model.account[row], model.resourceKey(row)].join("\n") : row;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

/**
 * The rows grouped by resource, highest risk first.
 * @returns {{row: number, rows: number[], risk: number}[]} `row` is the first of its findings
 */
function byResource(model, rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = model.resourceKey(row);
    const group = groups.get(key);
    if (group) {
      group.rows.push(row);
      group.risk += model.riskOf(row);
    } else groups.set(key, { row, rows: [row], risk: model.riskOf(row) });
  }
  return [...groups.values()].sort((a, b) => b.risk - a.risk || a.row - b.row);
}
