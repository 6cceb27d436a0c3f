// Addresses outside the page: the resource in the AWS console, and AWS's text on how to fix it. guardrails/report/console.py
// makes the same ones for the other formats. Nothing is loaded from them until the reader follows the link.

const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** The address of the resource in the console of its partition; empty if there is none. */
function consoleUrl(model, row) {
  const [arn, resource, region] = [model.arn[row], model.resource[row], model.regionOf(row)];
  const prefix = model.prefixes.find(([start]) => region.startsWith(start));
  const partition = model.partitions[arn.startsWith("arn:") ? arn.split(":")[1] : prefix ? prefix[1] : "aws"];
  if (!partition) return "";
  const template = model.policyOf(row).page || (arn && partition.by_arn);
  const cut = resource.lastIndexOf("/");
  const values = {
    resource, arn, parent: resource.slice(0, Math.max(cut, 0)), child: resource.slice(cut + 1),
    region: region === "global" ? partition.region : region,
  };
  const wanted = [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  if (!template || !wanted.every((name) => values[name])) return "";
  return `https://${partition.host}/${template.replace(/\{(\w+)\}/g, (_, name) => encoded(values[name]))}`;
}

/** A link that leaves the page; only to addresses with https. */
function outside(address, text) {
  if (!address.startsWith("https://")) return text;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}
