// Which findings are shown, and in which order. It is kept in the address, so that a link includes the filters.

/**
 * Filter name to the column that it depends on, and the values of a number in that column. A row matches a filter when one
 * of its values is chosen. A table has few different numbers, so the work is done for each of them, not for each row.
 */
const DIMENSIONS = {
  status: ["status", (model, n) => [model.statuses[n]]],
  severity: ["severity", (model, n) => [model.severities[n]]],
  exposure: ["policy", (model, n) => [model.policies[n].exposure]],
  account: ["account", (model, n) => [model.accounts[n].id]],
  region: ["region", (model, n) => [model.regions[n]]],
  service: ["policy", (model, n) => [model.policies[n].service]],
  policy: ["policy", (model, n) => [model.policies[n].name]],
  owner: ["ownerNumber", (model, n) => [model.ownerOfNumber(n) || "none"]],
  framework: ["policy", (model, n) => model.policies[n].frameworks],
  control: ["policy", (model, n) => model.policies[n].allControls],
  change: ["change", (model, n) => [model.changes[n]]],
  exception: ["exception", (model, n) => [model.exceptionKey(n)]],
};
/** Filters that only a link sets; they have no drop-down list. */
const LINKED = ["resource", "exception"];
const NAMES = [...Object.keys(DIMENSIONS).filter((name) => name !== "exception"), ...LINKED];
const ANY = "any";

/** Column name to the value that is compared; the findings themselves are in order of severity. */
const ORDERS = {
  severity: (model, row) => model.severity[row],
  finding: (model, row) => model.policyOf(row).title,
  resource: (model, row) => model.resource[row] || "",
  account: (model, row) => model.accountOf(row).name,
  region: (model, row) => model.regionOf(row),
  first: (model, row) => model.times[model.first[row]],
  status: (model, row) => model.status[row],
};

/** A function of small numbers, from -1 on, that is computed once for each. */
class Memo {
  constructor(make) { [this.make, this.known] = [make, []]; }

  of(n) {
    const known = this.known[n + 1];
    return known !== undefined ? known : (this.known[n + 1] = this.make(n));
  }
}

/** How many rows each value of each filter would match; those that only a link sets are not counted. */
class Tallies {
  constructor(model) {
    this.model = model;
    this.names = Object.keys(DIMENSIONS).filter((name) => !LINKED.includes(name));
    // Of rows that match all filters, by column; and of rows that only one filter keeps out, by filter.
    this.columns = new Map(this.names.map((name) => [DIMENSIONS[name][0], []]));
    this.kept = [...this.columns].map(([name, numbers]) => [model[name], numbers]);
    this.others = Object.fromEntries(this.names.map((name) => [name, []]));
  }

  add(row) {
    for (const [column, numbers] of this.kept) numbers[column[row]] = (numbers[column[row]] || 0) + 1;
  }

  addTo(name, row) {
    const numbers = this.others[name];
    if (!numbers) return;
    const n = this.model[DIMENSIONS[name][0]][row];
    numbers[n] = (numbers[n] || 0) + 1;
  }

  counts() {
    return Object.fromEntries(this.names.map((name) => {
      const [column, values] = DIMENSIONS[name];
      const counts = new Map();
      for (const numbers of [this.columns.get(column), this.others[name]]) {
        numbers.forEach((count, n) => {
          for (const value of values(this.model, n)) counts.set(value, (counts.get(value) || 0) + count);
        });
      }
      return [name, counts];
    }));
  }
}

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

  /** Whether it depends on names or evidence of all findings, and not only of those that are shown. */
  get needsDetails() { return this.text !== "" || this.sort === "resource" || this.chosen.resource.size > 0; }

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
    const words = this.text.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = words.length ? model.searchable : null;
    const resources = this.chosen.resource;
    const tallies = new Tallies(model);
    const filters = Object.keys(DIMENSIONS).filter((name) => this.chosen[name].size).map((name) => ({
      name, column: model[DIMENSIONS[name][0]], matches: new Memo((n) => DIMENSIONS[name][1](model, n).some(
        (value) => this.chosen[name].has(value))) }));
    const rows = [];
    for (let row = 0; row < model.length; row += 1) {
      if (texts && !words.every((word) => texts[row].includes(word))) continue;
      let [failed, number] = [null, resources.size && !resources.has(model.resourceKey(row)) ? 1 : 0];
      for (let at = 0; at < filters.length && number < 2; at += 1) {
        if (filters[at].matches.of(filters[at].column[row])) continue;
        number += 1;
        failed = filters[at].name;
      }
      if (!number) {
        rows.push(row);
        tallies.add(row);
      // A filter does not apply to its own numbers: they show what another choice would match.
      } else if (number === 1 && failed) tallies.addTo(failed, row);
    }
    return { rows: this.ordered(model, rows), counts: tallies.counts() };
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
    const key = setting ? [setting, model.status[row], model.account[row], model.itemOf(row)].join("\n") : row;
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
    const key = model.itemOf(row);
    const group = groups.get(key);
    if (group) {
      group.rows.push(row);
      group.risk += model.riskOf(row);
    } else groups.set(key, { row, rows: [row], risk: model.riskOf(row) });
  }
  return [...groups.values()].sort((a, b) => b.risk - a.risk || a.row - b.row);
}
