// The files beside a large page. A page from a disk cannot fetch a file, but load it as a script: each calls
// guardrailsFindings with its number, its digest, and JSON as text, so nothing in it is run but this call.

const AT_ONCE = 8;

class SideFiles {
  /** @param {{directory: string, digests: string[]}} of  @param {function(number, Object): void} take gets each file */
  constructor(of, take) {
    Object.assign(this, of);
    this.indexes = this.digests.map((_, index) => index);
    this.loads = new Map();
    this.here = new Set();
    window.guardrailsFindings = (index, digest, text) => {
      // Of another report, which wrote its files into the same directory.
      if (this.digests[index] !== digest || this.here.has(index)) return;
      take(index, JSON.parse(text));
      this.here.add(index);
    };
  }

  /** Loads the files with these numbers; null if they are here. */
  load(indexes, tell) {
    const missing = indexes.filter((index) => !this.here.has(index));
    return missing.length ? this.loadAll(missing, tell || (() => {})) : null;
  }

  async loadAll(missing, tell) {
    for (let from = 0; from < missing.length; from += AT_ONCE) {
      if (missing.length > AT_ONCE) tell(`Loading details: ${number(from)} of ${number(missing.length)} files`);
      await Promise.all(missing.slice(from, from + AT_ONCE).map((index) => this.loadOne(index)));
    }
  }

  loadOne(index) {
    if (!this.loads.has(index)) {
      this.loads.set(index, new Promise((resolve, reject) => {
        const file = `${this.directory}/findings-${String(index).padStart(4, "0")}.js`;
        const script = h("script", { src: file });
        const end = () => {
          script.remove();
          if (this.here.has(index)) resolve();
          else {
            this.loads.delete(index);
            reject(new Error(`The file ${file} is missing or belongs to another report: keep ${this.directory} beside this page`));
          }
        };
        script.addEventListener("load", end);
        script.addEventListener("error", end);
        document.head.append(script);
      }));
    }
    return this.loads.get(index);
  }
}
