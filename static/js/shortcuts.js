// Keys: Ctrl or ⌘ K opens the palette, arrows walk through it, and elements say themselves which keys press them (data-shortcut).
(() => {
  const TYPED_INTO = "input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]";
  let prefix = "";
  let opensFirst = false;

  const options = () => [...document.querySelectorAll("#found [role='option']:not([aria-disabled])")];

  const mark = (box, option) => {
    for (const each of options()) each.setAttribute("aria-selected", String(each === option));
    if (option) box.setAttribute("aria-activedescendant", option.id);
    else box.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };

  const walk = (event, box) => {
    const all = options();
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      mark(box, all.at((at + step + (at < 0 && step < 0 ? 1 : 0)) % all.length));
    } else if (event.key === "Enter" && !event.isComposing && !box.hasAttribute("data-waits")) {
      event.preventDefault();
      all[at]?.click();
    } else if (event.key === "Enter") {
      opensFirst = true; // what was typed last is not found yet: the form asks now, and its first answer is opened
    }
  };

  const press = (event) => {
    const typing = event.target.closest?.(TYPED_INTO) || document.querySelector("dialog[open]");
    if (typing || event.altKey || document.body.dataset.singleKeys === "off") return;
    const keys = prefix + event.key;
    const element = document.querySelector(`[data-shortcut="${CSS.escape(keys)}"]`);
    prefix = "";
    if (element) {
      event.preventDefault();
      if (element.matches(TYPED_INTO)) element.focus();
      else element.click();
    } else if (event.key === "g") {
      prefix = "g ";
      setTimeout(() => (prefix = ""), 1500);
    }
  };

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("[role='combobox']");
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      const opener = document.querySelector("[data-palette]");
      if (!opener) return;
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) opener.click();
    } else if (event.ctrlKey || event.metaKey) {
      prefix = "";
    } else if (box) {
      walk(event, box);
    } else {
      press(event);
    }
  });

  document.addEventListener("input", (event) => event.target.closest("[role='combobox']")?.setAttribute("data-waits", ""));

  document.body.addEventListener("htmx:afterSwap", () => {
    const box = document.querySelector("[role='combobox']");
    if (!box) return;
    box.removeAttribute("data-waits");
    const first = options()[0];
    mark(box, first);
    if (opensFirst) first?.click();
    opensFirst = false;
  });
})();
