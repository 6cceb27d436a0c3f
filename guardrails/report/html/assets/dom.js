// Creating elements. Data is added as text nodes only: this script never parses text as HTML.

// Invisible characters, and those that change the direction of text, are shown as codes: no name can imitate another.
const INVISIBLE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]/gu;
const visible = (text) => text.replace(INVISIBLE, (sign) => `\\u${sign.codePointAt(0).toString(16).padStart(4, "0")}`);

/**
 * An element with attributes and children; strings become text.
 * @param {string} tag
 * @param {Object<string, string|boolean|null>} [attributes] `null` and `false` are left out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== "")
    .map((child) => (typeof child === "string" ? visible(child) : child)));
  return element;
}

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const number = new Intl.NumberFormat("en-GB").format;
const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** `2026-11-24` of an ISO time. */
const day = (time) => time.slice(0, 10);
/** `2026-11-24 09:00 UTC` of an ISO time. */
const minute = (time) => (time.length > 15 ? `${time.slice(0, 10)} ${time.slice(11, 16)} UTC` : time);

const severityChip = (severity) => h("span", { class: `chip severity-${severity}` }, capital(severity));
const statusChip = (status) => h("span", { class: `chip status-${status}` }, capital(status));

/** A button that copies `text` and confirms it. */
function copyButton(text, what) {
  const button = h("button", { type: "button", class: "quiet copy", "aria-label": `Copy ${what}` }, "Copy");
  const show = (word) => {
    button.textContent = word;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  button.addEventListener("click", () => {
    // Some browsers deny the clipboard to pages that were opened from a file.
    if (!navigator.clipboard) show("Copy it by hand");
    else navigator.clipboard.writeText(text).then(() => show("Copied"), () => show("Copy it by hand"));
  });
  return button;
}
