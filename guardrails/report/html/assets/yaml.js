// Syntax highlighting for YAML as PyYAML writes it: comments, keys, strings and other values.

const YAML_LINE = /^(\s*(?:- )*)(?:([^\s'"#][^:]*|'[^']*'|"[^"]*")(:)(?=\s|$))?(.*)$/;

function yamlValue(text) {
  if (/^\s*(true|false|null|~|-?\d+(\.\d+)?)\s*$/.test(text)) return h("span", { class: "literal" }, text);
  if (/^\s*['"]/.test(text)) return h("span", { class: "string" }, text);
  return text;
}

/** @returns {HTMLElement} the text, unchanged, with spans around its parts */
function yaml(text) {
  const shown = h("code");
  text.split("\n").forEach((line, index) => {
    if (index) shown.append("\n");
    if (/^\s*#/.test(line)) return shown.append(h("span", { class: "comment" }, line));
    const [, indent, key, colon, rest] = YAML_LINE.exec(line);
    shown.append(indent);
    if (key) shown.append(h("span", { class: "key" }, key), colon);
    return shown.append(yamlValue(rest));
  });
  return shown;
}
