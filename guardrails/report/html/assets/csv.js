// The filtered findings as CSV. Cells are made harmless to spreadsheets as guardrails/report/formats/spreadsheet.py does it.

const NOT_PLAIN = /[\0-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]/gu;
const escapedSign = (sign) => {
  const code = sign.codePointAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
};
const beginsFormula = (sign) => "=+-@".includes(sign.normalize("NFKC").charAt(0)) || sign === "\u2212";

/** The text with an apostrophe before each sign that a spreadsheet could read as the begin of a formula. */
function harmless(value) {
  let [cell, begins] = ["", true];
  for (const sign of String(value).replace(NOT_PLAIN, escapedSign)) {
    if (begins && beginsFormula(sign)) {
      cell += "'";
      begins = false;
    } else if (";\t\n\r".includes(sign)) {
      if (!cell) cell += "'";
      begins = true;
    } else if (begins && !/^[\s"'\p{C}\p{Z}]$/u.test(sign)) begins = false;
    cell += sign;
  }
  return cell;
}

/** Head to the cell of a row. */
const CELLS = {
  id: (model, row) => model.id[row],
  status: (model, row) => model.statusOf(row),
  severity: (model, row) => model.severityOf(row),
  account: (model, row) => model.accountOf(row).id,
  account_name: (model, row) => model.accountOf(row).name,
  region: (model, row) => model.regionOf(row),
  service: (model, row) => model.policyOf(row).service,
  policy: (model, row) => model.policyOf(row).name,
  title: (model, row) => model.policyOf(row).title,
  resource: (model, row) => model.resource[row],
  arn: (model, row) => model.arn[row],
  owner: (model, row) => model.ownerOf(row),
  first_seen: (model, row) => model.times[model.first[row]],
  days_open: (model, row) => model.daysOpen(row) ?? "",
  evidence: (model, row) => JSON.stringify(model.evidenceOf(row)),
  fix_command: (model, row) => (model.policyOf(row).heals && model.statusOf(row) === "open" ? healCommand(model, row) : ""),
  console: consoleUrl,
};

/** The rows as CSV, in their order. */
function csv(model, rows) {
  const line = (cells) => `${cells.map((cell) => `"${harmless(cell).replace(/"/g, '""')}"`).join(",")}\r\n`;
  return [line(Object.keys(CELLS)), ...rows.map((row) => line(Object.values(CELLS).map((cell) => cell(model, row))))];
}

/** Saves the parts of a text as a file. It is made in the page: nothing leaves the browser. */
function save(name, parts) {
  const address = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
