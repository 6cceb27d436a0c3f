// The command that fixes one finding; guardrails/report/fix_command.py makes the same one for the other formats.

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
