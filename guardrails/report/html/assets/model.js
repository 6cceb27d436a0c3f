// The findings: columns in blocks, and the tables that their numbers refer to.

/** All findings as columns; a row is an index into them. */
class Model {
  constructor() {
    Object.assign(this, JSON.parse(byId("tables").textContent));
    const blocks = all("script.findings").map((block) => JSON.parse(block.textContent));
    for (const name of this.columns) this[name] = blocks.flatMap((block) => block[name]);
    this.length = this.policy.length;
    this.evidenceBlocks = all("script.evidence");
    this.evidenceRead = new Map();
    this.files = this.beside ? new SideFiles(this.beside, (index, block) => this.add(index, block)) : null;
    if (this.files) [this.id, this.resource, this.arn, this.tagsRead] = [[], [], [], []];
    for (const policy of this.policies) {
      policy.frameworks = Object.keys(policy.controls);
      policy.allControls = policy.frameworks.flatMap(
        (framework) => policy.controls[framework].map((control) => `${framework}:${control}`));
    }
  }

  policyOf(row) { return this.policies[this.policy[row]]; }
  /** The severity of the policy in the finding's account. */
  severityOf(row) { return this.severities[this.severity[row]]; }
  riskOf(row) { return this.risks[this.policyOf(row).exposure][this.severity[row]]; }
  accountOf(row) { return this.accounts[this.account[row]]; }
  regionOf(row) { return this.regions[this.region[row]]; }
  statusOf(row) { return this.statuses[this.status[row]]; }
  tagsOf(row) { return this.files ? this.tagsRead[row] || {} : this.tagSets[this.tags[row]].tags; }
  ownerOf(row) { return this.ownerOfNumber(this.ownerNumber[row]); }
  ownerOfNumber(number) { return this.files ? this.owners[number] : this.tagSets[number].owner; }
  /** The column that tells owners. */
  get ownerNumber() { return this.files ? this.owner : this.tags; }

  /** Takes the details of a block of findings, which a file beside the page has. */
  add(index, block) {
    const from = index * this.block;
    block.id.forEach((id, n) => {
      this.id[from + n] = id;
      this.resource[from + n] = block.resource[n];
      this.arn[from + n] = block.arn[n];
      this.tagsRead[from + n] = block.tagSets[block.tags[n]];
    });
    this.evidenceRead.set(index, block.evidence);
    this.haystack = null;
  }

  /**
   * Makes sure that the details of these rows are here; of all rows, if none are given.
   * @param {number[]} [rows]  @param {function(string): void} [tell] is told how far it is
   * @returns {Promise<void>|null} null if they are here already, as always in a page without files beside it
   */
  load(rows, tell) {
    if (!this.files) return null;
    const wanted = rows ? new Set(rows.map((row) => Math.floor(row / this.block))) : this.files.indexes;
    return this.files.load([...wanted], tell);
  }

  /** The other findings of the resource, the setting and the status: putting it right may end all of them. */
  sameSetting(row) {
    const { setting } = this.policyOf(row);
    return !setting ? [] : [...this.policy.keys()].filter((other) => other !== row
      && this.policyOf(other).setting === setting && this.status[other] === this.status[row]
      && this.account[other] === this.account[row] && this.itemOf(other) === this.itemOf(row));
  }

  /** Days since the finding was first seen; null in a run without a history, and for a fixed finding. */
  daysOpen(row) {
    const first = this.times[this.first[row]];
    if (!first || this.statusOf(row) === "fixed") return null;
    return Math.max(0, Math.round((Date.parse(day(this.started)) - Date.parse(day(first))) / 86400000));
  }

  exceptionOf(row) { return this.exception[row] < 0 ? null : this.exceptions[this.exception[row]]; }

  /** The key of an exception, by its number; the links in the table of exceptions use the same key. */
  exceptionKey(number) {
    if (number < 0) return "";
    const rule = this.exceptions[number];
    const tags = Object.entries(rule.tags || {}).map((tag) => tag.join("=")).sort();
    return [rule.policy, rule.account, rule.region || "*", rule.resource || "*", rule.name, ...tags, rule.expires]
      .filter(Boolean).join(" ");
  }

  /** Equal for two findings of the same resource; without an ARN, account and region are part of it. */
  resourceKey(row) {
    if (this.resource[row] === undefined) return "";
    return this.arn[row] || `${this.accountOf(row).id}/${this.regionOf(row)}/${this.resource[row]}`;
  }

  /** As resourceKey, to compare rows of this page: known without the details of a finding. */
  itemOf(row) { return this.files ? this.item[row] : this.resourceKey(row); }

  /** The evidence of a block, parsed on first use: it is most of the file. */
  evidenceBlock(index) {
    if (!this.evidenceRead.has(index)) {
      this.evidenceRead.set(index, JSON.parse(this.evidenceBlocks[index].textContent));
    }
    return this.evidenceRead.get(index);
  }

  evidenceOf(row) {
    const block = this.evidenceBlock(Math.floor(row / this.block));
    return block.values[block.of[row % this.block]];
  }

  /** The text of each row for the search, in lower case. */
  get searchable() {
    if (!this.haystack) {
      const policies = this.policies.map((policy) => `${policy.name} ${policy.title} ${policy.service}`);
      const accounts = this.accounts.map((account) => `${account.name} ${account.id}`);
      const blocks = this.files ? this.files.indexes : [...this.evidenceBlocks.keys()];
      const evidence = blocks.map(
        (index) => this.evidenceBlock(index).values.map((value) => JSON.stringify(value)));
      this.haystack = this.policy.map((policy, row) => [
        policies[policy], accounts[this.account[row]], this.regionOf(row), this.resource[row], this.arn[row],
        evidence[Math.floor(row / this.block)][this.evidenceBlock(Math.floor(row / this.block)).of[row % this.block]],
      ].join("\n").toLowerCase());
    }
    return this.haystack;
  }
}
