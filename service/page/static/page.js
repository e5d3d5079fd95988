// Keys: what can be clicked says by which keys; lists are walked by focus.
(() => {
  const typing = (element) => element.closest("input, select, textarea, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-rows] a")];
  const walk = (by) => {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    if (next) next.focus();
    return true;
  };
  const help = () => {
    const dialog = document.querySelector("dialog");
    if (dialog) dialog.open ? dialog.close() : dialog.showModal();
    return true;
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target) || (document.querySelector("dialog[open]") && event.key !== "?")) return;
    const named = [...document.querySelectorAll("[data-keys]")]
      .find((element) => element.dataset.keys.split(" ").includes(event.key));
    let done = false;
    if (event.key === "?") done = help();
    else if (named) { named.matches("input, select") ? named.focus() : named.click(); done = true; }
    else if (event.key === "j" || event.key === "ArrowDown") done = walk(1);
    else if (event.key === "k" || event.key === "ArrowUp") done = walk(-1);
    if (done) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.filters");
    if (!form) return;
    sessionStorage.setItem("filter", event.target.name);
    form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.confirm && !confirm(form.dataset.confirm)) { event.preventDefault(); return; }
    if (!form.matches("form.filters")) return;
    // Addresses that are shared hold what was chosen, and nothing else.
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    const of = form.elements.of;
    if (of.value) {
      const [kind, ...rest] = of.value.split(":");
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: kind, value: rest.join(":") });
      of.disabled = true;
      form.prepend(field);
    }
  });
  document.addEventListener("htmx:sendError", () => { document.querySelector("#away").hidden = false; });
  document.addEventListener("htmx:responseError", () => { document.querySelector("#away").hidden = false; });
  document.addEventListener("htmx:afterOnLoad", () => { document.querySelector("#away").hidden = true; });
  window.addEventListener("pageshow", () => {
    // Who comes back sees the filters that the address names, not those that were chosen last.
    for (const form of document.querySelectorAll("form.filters")) form.reset();
    for (const field of document.querySelectorAll("form.filters input[type=hidden]")) field.remove();
    for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
    // Whoever chooses by keys goes on where they were.
    const chosen = sessionStorage.getItem("filter");
    sessionStorage.removeItem("filter");
    if (chosen) document.querySelector(`form.filters [name="${CSS.escape(chosen)}"]`)?.focus();
  });
})();
