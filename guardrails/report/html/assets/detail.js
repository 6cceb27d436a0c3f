// The details of one finding: the evidence, why it matters, how to fix it, and the policy.

/** Evidence of more characters is folded. */
const FOLDED = 160;

/** A line of the evidence. Of a long one only the first sentence is shown, and the rest folds out. */
function evidenceLine(text) {
  if (text.length <= FOLDED) return h("span", { class: "mono" }, text);
  const colon = text.indexOf(": ");
  const cut = colon > 0 && colon <= FOLDED ? colon + 1 : FOLDED;
  return h("details", { class: "folded" },
    h("summary", { class: "mono" }, text.slice(0, cut) + (cut === FOLDED ? "…" : "")),
    h("span", { class: "mono" }, cut === FOLDED ? text : text.slice(cut + 1)));
}

/** A value of the evidence: short values inline, others as indented JSON that folds out. */
function evidenceValue(value) {
  if (value === null) return h("span", { class: "mono muted" }, "null (not set)");
  if (Array.isArray(value) && value.length && value.every((entry) => typeof entry !== "object")) {
    return h("ul", { class: "plain mono" }, ...value.map((entry) => h("li", {}, evidenceLine(String(entry)))));
  }
  if (typeof value !== "object") return evidenceLine(String(value));
  const shown = h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
  if (shown.textContent.length <= 4 * FOLDED) return shown;
  const names = Object.keys(value);
  const summary = Array.isArray(value) ? counted(value.length, "entry", "entries")
    : `${names.slice(0, 6).join(", ")}${names.length > 6 ? ` and ${names.length - 6} more` : ""}`;
  return h("details", { class: "folded" }, h("summary", { class: "mono" }, summary), shown);
}

const terms = (...pairs) => h("dl", { class: "terms" },
  ...pairs.filter((pair) => pair && pair[1] !== "")
    .flatMap(([term, ...content]) => [h("dt", {}, term), h("dd", {}, ...content)]));

const part = (title, ...content) => h("section", {}, h("h3", {}, title), ...content);

const sectionOf = (name, title, ...content) => {
  const section = part(title, ...content);
  section.classList.add(name);
  return section;
};

const filterLink = (name, value, text = value) => {
  const query = new URLSearchParams([[name, value]]);
  return h("a", { href: `#findings?${query}` }, text);
};

/** The dialog that shows a finding; the page has one. */
class Detail {
  /**
   * @param {Model} model
   * @param {(step: number) => void} onStep to the finding before (-1) or after (1) the open one
   * @param {() => void} onClose
   */
  constructor(model, onStep, onClose) {
    this.model = model;
    this.dialog = byId("detail");
    this.body = byId("detail-body");
    byId("detail-close").addEventListener("click", () => this.dialog.close());
    byId("detail-before").addEventListener("click", () => onStep(-1));
    byId("detail-after").addEventListener("click", () => onStep(1));
    this.dialog.addEventListener("close", onClose);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("pre")) return;
      if (event.key === "ArrowLeft") onStep(-1);
      if (event.key === "ArrowRight") onStep(1);
    });
  }

  get open() { return this.dialog.open; }

  close() { this.dialog.close(); }

  /** @param {number} row  @param {string} place `3 of 120` */
  show(row, place) {
    byId("detail-place").textContent = place;
    this.body.replaceChildren(...this.content(row));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    this.body.scrollTop = 0;
    byId("detail-title").focus();
  }

  content(row) {
    const { model } = this;
    const policy = model.policyOf(row);
    const status = model.statusOf(row);
    return [
      h("p", { class: "chips" }, severityChip(model.severityOf(row)), statusChip(status),
        policy.exposure === "internal" ? null : h("span", { class: "chip exposure" }, EXPOSURES[policy.exposure]),
        model.change[row] ? h("span", { class: "chip change" }, capital(model.changes[model.change[row]])) : null),
      h("p", { class: "muted small" }, status === "fixed" ? "Fixed violation of the policy" : "Violated policy"),
      h("h2", { id: "detail-title", tabindex: "-1" }, policy.title),
      this.where(row),
      this.exception(row),
      part("Evidence", this.evidence(row)),
      policy.rationale ? part("Why it matters", h("p", {}, policy.rationale)) : null,
      this.fix(row, policy, status),
      status === "open" ? this.accept(row) : null,
      this.controls(policy),
      this.source(policy),
    ].filter(Boolean);
  }

  where(row) {
    const { model } = this;
    const [account, arn, address] = [model.accountOf(row), model.arn[row], consoleUrl(model, row)];
    return terms(
      ["Resource", h("span", { class: "mono" }, model.resource[row])],
      address ? ["AWS console", outside(address, "Open the resource"), ` (sign in to account ${account.id} first)`] : null,
      arn ? ["ARN", h("span", { class: "mono" }, arn), " ", copyButton(arn, "the ARN")] : null,
      ["Account", account.name, " ", h("span", { class: "mono muted" }, account.id)],
      ["Region", model.regionOf(row)],
      ["Owner", model.ownerOf(row) || h("span", { class: "muted" }, this.noOwner(row))],
      Object.keys(model.tagsOf(row)).length ? ["Tags", h("ul", { class: "plain mono" },
        ...Object.entries(model.tagsOf(row)).map(([key, value]) => h("li", {}, evidenceLine(`${key}=${value}`))))] : null,
      ["First seen", minute(model.times[model.first[row]]), !model.daysOpen(row) ? null
        : ` (${model.statusOf(row)} for ${counted(model.daysOpen(row), "day")})`],
      ["Last seen", minute(model.times[model.last[row]])],
      ["Policy", h("span", { class: "mono" }, model.policyOf(row).name)],
      ["Finding ID", h("span", { class: "mono muted" }, model.id[row])],
      this.sameSetting(row),
      ["Other findings", filterLink("policy", model.policyOf(row).name, "of this policy"), " · ",
        filterLink("resource", model.resourceKey(row), "of this resource")],
    );
  }

  /** The other findings of the resource and the setting: putting it right may end all of them. */
  sameSetting(row) {
    const { model } = this;
    const { setting } = model.policyOf(row);
    const same = model.sameSetting(row);
    if (!same.length) return null;
    return ["Same setting", `${setting}: `, ...same.flatMap((other, index) => [index ? ", " : "",
      h("a", { class: "mono", href: `#findings?finding=${model.id[other]}` }, model.policyOf(other).name)])];
  }

  /** An exception for exactly this finding, for the reader to complete. */
  accept(row) {
    const text = exceptionYaml(this.model, row, new Date());
    return h("section", {}, h("details", { class: "accept" },
      h("summary", {}, h("h3", {}, "Exception"), h("span", { class: "muted" }, "accept it until a date")),
      h("p", { class: "muted" }, "Add this to exceptions.yml (without the first line, if the file has one like it), and fill in reason and owner. Until then, every verb refuses the file."),
      h("pre", { tabindex: "0" }, text), h("p", { class: "command" }, copyButton(text, "the exception"))));
  }

  noOwner(row) {
    const keys = this.model.ownerTags.join(", ");
    return Object.keys(this.model.tagsOf(row)).length ? `No tag ${keys}` : "Unknown: the policy read no tags of it, or it has none";
  }

  exception(row) {
    const exception = this.model.exceptionOf(row);
    if (!exception) return null;
    const known = ["reason", "owner", "ticket", "expires"];
    const rest = Object.keys(exception).filter((name) => !known.includes(name));
    return part("Exception", terms(...[...known, ...rest].filter((name) => exception[name])
      .map((name) => [capital(name).replace("_", " "),
        typeof exception[name] === "object" ? evidenceValue(exception[name]) : String(exception[name])])));
  }

  evidence(row) {
    const entries = Object.entries(this.model.evidenceOf(row));
    if (!entries.length) return h("p", { class: "muted" }, "The policy recorded no values. Its filters are shown below.");
    return h("dl", { class: "terms evidence" }, ...entries.flatMap(([key, value]) => [
      h("dt", { class: "mono" }, key.replace(/^c7n[:.]/, "")), h("dd", {}, evidenceValue(value))]));
  }

  fix(row, policy, status) {
    if (!policy.fix && !policy.heals && !Object.keys(policy.steps).length) return null;
    const command = healCommand(this.model, row);
    const runs = policy.heals && status === "open"
      ? [h("p", { class: "muted" }, policy.profile
        ? `This command shows the planned change of this finding, and asks before it makes it. It applies to accounts with the profile ${policy.profile}:`
        : "This command shows the planned change of this finding, and asks before it makes it:"),
      h("p", { class: "command" }, h("code", {}, command), copyButton(command, "the command"))]
      : [];
    const steps = Object.entries(policy.steps);
    const byHand = steps.length ? h("p", { class: "muted" }, "By hand: AWS describes the steps for the console and the CLI for ",
      ...steps.flatMap(([control, address], index) => [index ? ", " : "", outside(address, control)]), ".") : null;
    return sectionOf("fix", "Fix", policy.fix ? h("p", {}, policy.fix) : null, ...runs, byHand);
  }

  controls(policy) {
    if (!policy.frameworks.length) return null;
    return part("Requirements", h("ul", { class: "controls" }, ...policy.frameworks.map((name) => {
      const framework = this.model.frameworks[name] || { title: name, requirements: {} };
      return h("li", {}, h("strong", {}, framework.title), h("ul", {}, ...policy.controls[name].map((id) => h(
        "li", {}, filterLink("control", `${name}:${id}`, id), " ", framework.requirements[id] || ""))));
    })));
  }

  source(policy) {
    return h("section", {}, h("details", {},
      h("summary", {}, h("h3", {}, "Policy"), h("span", { class: "mono muted" }, policy.location)),
      h("p", { class: "muted" }, `${KINDS[policy.kind] || policy.kind} Response: ${policy.response}.`),
      h("pre", { class: "yaml", tabindex: "0" }, yaml(policy.yaml))));
  }
}

const EXPOSURES = { internet: "Internet", "cross-account": "Other accounts", internal: "Internal" };
const KINDS = {
  "config-rule": "AWS Config evaluates it on every change.",
  periodic: "Evaluated on a schedule.",
  realtime: "Evaluates events as they happen.",
};
