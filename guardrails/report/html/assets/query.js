// Which findings are shown, in which order: kept in the address, so that a filter can be sent to somebody.

/** Filter name to the values that a row has of it. A row passes a filter when one of its values is chosen. */
const DIMENSIONS = {
  status: (model, row) => [model.statusOf(row)],
  severity: (model, row) => [model.policyOf(row).severity],
  exposure: (model, row) => [model.policyOf(row).exposure],
  account: (model, row) => [model.accountOf(row).id],
  region: (model, row) => [model.regionOf(row)],
  service: (model, row) => [model.policyOf(row).service],
  policy: (model, row) => [model.policyOf(row).name],
  framework: (model, row) => model.policyOf(row).frameworks,
  control: (model, row) => model.policyOf(row).allControls,
  change: (model, row) => [model.changes[model.change[row]]],
  resource: (model, row) => [model.resourceKey(row)],
  exception: (model, row) => [model.exceptionKey(row)],
};
/** Filters that only a link sets; nobody would choose them from a list. */
const LINKED = ["resource", "exception"];
const NAMES = Object.keys(DIMENSIONS);
const ANY = "any";

/** Column name to the values that are compared; the findings themselves come in order of severity. */
const ORDERS = {
  severity: (model, row) => model.policyOf(row).rank,
  finding: (model, row) => model.policyOf(row).title,
  resource: (model, row) => model.resource[row],
  account: (model, row) => model.accountOf(row).name,
  region: (model, row) => model.regionOf(row),
  first: (model, row) => model.times[model.first[row]],
  status: (model, row) => model.status[row],
};

/** What is asked of the findings; it comes from the address and goes into it. */
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

  /** @param {string} hash `#findings?severity=high&q=bucket`; null for an address that is about something else */
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

  /** Whether only open findings are asked for, as at first. */
  get openOnly() { return this.chosen.status.size === 1 && this.chosen.status.has("open"); }

  /** The address of this query. */
  get hash() {
    const said = new URLSearchParams();
    for (const name of NAMES) {
      for (const value of this.chosen[name]) said.append(name, value);
    }
    if (!this.chosen.status.size) said.append("status", ANY);
    else if (this.openOnly) said.delete("status");
    if (this.text) said.set("q", this.text);
    if (this.sort !== "severity" || this.down) said.set("sort", `${this.down ? "-" : ""}${this.sort}`);
    if (this.page) said.set("page", this.page + 1);
    if (this.view !== "findings") said.set("view", this.view);
    if (this.finding) said.set("finding", this.finding);
    return `#findings?${said}`;
  }

  /** The filters in words, for the printed page; empty when all open findings are shown. */
  get words() {
    const said = NAMES.filter((name) => this.chosen[name].size)
      .map((name) => `${name} ${[...this.chosen[name]].join(" or ")}`);
    if (!this.chosen.status.size) said.unshift("any status");
    if (this.text) said.push(`text “${this.text}”`);
    return said.length === 1 && this.openOnly ? "" : said.join("; ");
  }

  /**
   * The rows that pass, in order, and for every filter how many rows each of its values would leave.
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
      // A filter's own choice does not count for its own numbers: they say what another choice would show.
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
 * The rows by resource, the one with the most risk first.
 * @returns {{row: number, rows: number[], risk: number}[]} `row` is the first of its findings
 */
function byResource(model, rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = model.resourceKey(row);
    const group = groups.get(key);
    if (group) {
      group.rows.push(row);
      group.risk += model.policyOf(row).risk;
    } else groups.set(key, { row, rows: [row], risk: model.policyOf(row).risk });
  }
  return [...groups.values()].sort((a, b) => b.risk - a.risk || a.row - b.row);
}
