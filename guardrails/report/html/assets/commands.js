// The command that fixes one finding, and the exception that accepts it. guardrails/report/fix_command.py makes the same
// command for the other formats.

/** The text as one word of a POSIX shell, as Python's shlex.quote writes it. */
const shellWord = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'"'"'`)}'`);

/** The text as a glob that matches only itself. */
const globEscape = (text) => text.replace(/[*?[]/g, "[$&]");

/** A command for the shell of the reader. Characters that a terminal may act on become `?`: any character. */
function healCommand(model, row) {
  const { before, after, regions } = model.heal;
  const region = model.regionOf(row);
  const resource = globEscape(model.arn[row] || model.resource[row]).replace(new RegExp(`${INVISIBLE.source}|[\\t\\n]`, "gu"), "?");
  return [
    ...before, "-a", model.accountOf(row).id, ...(region === "global" ? regions : [region]).flatMap((one) => ["-r", one]),
    ...after, "--policy", model.policyOf(row).name, "--resource", resource,
  ].map(shellWord).join(" ");
}

/** The text as a string of YAML, in ASCII: no name can add a line, a comment or a key. */
const yamlText = (text) => `"${Array.from(text, (sign) => {
  const code = sign.codePointAt(0);
  if (code >= 0x20 && code < 0x7f && sign !== '"' && sign !== "\\") return sign;
  const [letter, digits] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(digits, "0")}`;
}).join("")}"`;

/** As globEscape; a first or last sign that exceptions.yml would trim is put into brackets. */
const exactly = (text) => globEscape(text).replace(/^[^!-~]|(?<=.)[^!-~]$/gsu, "[$&]");

/**
 * An entry of exceptions.yml that covers this finding and no other. Reason and owner are empty, which every verb refuses.
 * @param {Date} now the exception ends `exceptionDays` after this day
 */
function exceptionYaml(model, row, now) {
  const [arn, region] = [model.arn[row], model.regionOf(row)];
  const end = new Date(now.getTime() + model.exceptionDays * 86400000).toISOString().slice(0, 10);
  // Settings of an account have its ARN in every region.
  const regional = region !== "global" && (!arn || arn.endsWith(":root"));
  return [
    "exceptions:",
    `  - policy: ${yamlText(exactly(model.policyOf(row).name))}`,
    `    account: ${yamlText(model.accountOf(row).id)}`,
    ...(regional ? [`    region: ${yamlText(region)}`] : []),
    `    resource: ${yamlText(exactly(arn || model.resource[row]))}`,
    "    reason:  # why it is acceptable",
    "    owner:  # who answers for it, such as a mail address",
    `    expires: ${end}`,
    "",
  ].join("\n");
}
