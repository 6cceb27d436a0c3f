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
  tagsOf(row) { return this.tagSets[this.tags[row]].tags; }
  ownerOf(row) { return this.tagSets[this.tags[row]].owner; }

  /** Days since the finding was first seen; null in a run without a history, and for a fixed finding. */
  daysOpen(row) {
    const first = this.times[this.first[row]];
    if (!first || this.statusOf(row) === "fixed") return null;
    return Math.max(0, Math.round((Date.parse(day(this.started)) - Date.parse(day(first))) / 86400000));
  }

  exceptionOf(row) { return this.exception[row] < 0 ? null : this.exceptions[this.exception[row]]; }

  /** The key of the exception that covers a finding; the links in the table of exceptions use the same key. */
  exceptionKey(row) {
    const rule = this.exceptionOf(row);
    if (!rule) return "";
    const tags = Object.entries(rule.tags || {}).map((tag) => tag.join("=")).sort();
    return [rule.policy, rule.account, rule.region || "*", rule.resource || "*", rule.name, ...tags, rule.expires]
      .filter(Boolean).join(" ");
  }

  /** Equal for two findings of the same resource; without an ARN, account and region are part of it. */
  resourceKey(row) {
    return this.arn[row] || `${this.accountOf(row).id}/${this.regionOf(row)}/${this.resource[row]}`;
  }

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
      const evidence = this.evidenceBlocks.map(
        (_, index) => this.evidenceBlock(index).values.map((value) => JSON.stringify(value)));
      this.haystack = this.policy.map((policy, row) => [
        policies[policy], accounts[this.account[row]], this.regionOf(row), this.resource[row], this.arn[row],
        evidence[Math.floor(row / this.block)][this.evidenceBlock(Math.floor(row / this.block)).of[row % this.block]],
      ].join("\n").toLowerCase());
    }
    return this.haystack;
  }
}
