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
    if (typing(event.target)) return;
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
    if (form) form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    // Addresses that are shared hold what was chosen, and nothing else.
    if (event.target.matches("form.filters"))
      for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  });
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form.filters :disabled")) field.disabled = false;
  });
})();
