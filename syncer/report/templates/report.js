"use strict";
// Without this script the page shows everything; with it, only what matches.
(() => {
  const form = document.getElementById("filters");
  const [search, action, namespace, cause] = ["search", "action", "namespace", "cause"].map(
    (id) => document.getElementById(id));
  const shown = document.getElementById("shown");
  const empty = document.querySelector(".empty");
  const sections = [...document.querySelectorAll(".namespace")].map((element) => ({
    element,
    rest: element.querySelector(".rest"),
    changes: [...element.querySelectorAll(".change")],
  }));
  const total = sections.reduce((sum, section) => sum + section.changes.length, 0);
  const texts = new Map();

  const text = (change) => {
    if (!texts.has(change)) {
      texts.set(change, `${change.dataset.namespace}/${change.textContent}`.toLowerCase());
    }
    return texts.get(change);
  };

  const matches = (change, words) =>
    (!action.value || change.dataset.action === action.value) &&
    (!namespace.value || change.dataset.namespace === namespace.value) &&
    (!cause.value || change.dataset.causes.split(" ").includes(cause.value)) &&
    words.every((word) => text(change).includes(word));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const narrowed = Boolean(words.length || action.value || cause.value);
    let count = 0;
    for (const { element, rest, changes } of sections) {
      let here = 0;
      let resting = 0;
      for (const change of changes) {
        const match = matches(change, words);
        change.hidden = !match;
        here += match;
        resting += match && rest !== null && rest.contains(change);
      }
      element.hidden = !here && (changes.length > 0 || narrowed || Boolean(namespace.value));
      if (rest) {
        rest.hidden = !resting;
        rest.open = narrowed && resting > 0;
      }
      count += here;
    }
    empty.hidden = count > 0 || total === 0;
    shown.value = count === total ? `${total.toLocaleString("en")} tags` :
      `${count.toLocaleString("en")} of ${total.toLocaleString("en")} tags`;
  };

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = total === 0;
  filter();
})();
