// The one dialog and toasts. Everything is delegated, so that it survives a swap.
(() => {
  const dialog = document.getElementById("dialog");
  const words = document.getElementById("toasts").dataset;
  let opener = null;

  // What lies behind an open dialog is neither seen well nor read out.
  const overDialog = () => {
    const made = document.createElement("div");
    made.className = "toast-region";
    made.role = "status";
    return dialog.querySelector(".toast-region") ?? dialog.appendChild(made);
  };

  const show = (message) => {
    const place = dialog.open ? overDialog() : document.getElementById("toasts");
    const item = document.createElement("p");
    item.className = "toast";
    item.textContent = message;
    place.append(item);
    setTimeout(() => item.remove(), 5000);
  };
  // An answer that brings a message is swapped in first: what it replaces would take the message along.
  const toast = (message) => setTimeout(show, 50, message);

  // A menu item that opens the dialog gives the focus to the menu's button first, where it returns to afterwards.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target !== dialog || dialog.open) return;
    const menu = event.detail.elt.closest("[popover]");
    const focused = document.activeElement;
    const byShortcut = focused && focused !== document.body && focused !== event.detail.elt && !menu?.contains(focused);
    opener = byShortcut ? focused : menu ? document.querySelector(`[popovertarget="${menu.id}"]`) : event.detail.elt;
    menu?.hidePopover();
  });

  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== dialog || !dialog.children.length) return;
    if (!dialog.open) dialog.showModal();
    const wanted = ["[aria-invalid='true']", "[autofocus]", ".dialog-body :is(input, select, textarea):not([type='hidden'])", ".dialog-foot :is(a, button)"];
    wanted.map((selector) => dialog.querySelector(selector)).find(Boolean)?.focus();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-close]");
    if (link && dialog.contains(link)) {
      event.preventDefault();
      dialog.close();
    } else if (event.target === dialog) {
      dialog.close();
    }
  });

  // A second click on the form of a page of its own would take the place of the answer, which may show a key once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, 3000);
  });

  document.body.addEventListener("theme", (event) => {
    document.documentElement.dataset.theme = event.detail.value;
  });

  dialog.addEventListener("close", () => {
    const reload = dialog.querySelector("[data-reload]");
    dialog.replaceChildren();
    if (reload) location.reload();
    const here = opener?.isConnected ? opener : document.getElementById(opener?.id ?? "") ?? null;
    const again = here ?? document.querySelector(`[popovertarget="${opener?.getAttribute("popovertarget")}"]`);
    (again ?? document.getElementById("content")).focus({ preventScroll: true });
  });

  document.body.addEventListener("close-dialog", () => dialog.close());
  document.body.addEventListener("toast", (event) => toast(event.detail.value));
  document.addEventListener("latchkey:toast", (event) => toast(event.detail));

  // Of what gateways said about a key the latest stands; where the page is scrolled past it, it is told as well.
  document.body.addEventListener("htmx:load", (event) => {
    const receipt = event.detail.elt;
    if (!receipt.matches("[data-receipt]")) return;
    const all = document.querySelectorAll(`[data-receipt="${receipt.dataset.receipt}"]`);
    [...all].filter((other) => other !== receipt).forEach((other) => other.remove());
    const isFinal = !receipt.hasAttribute("hx-get");
    if (isFinal && receipt.getBoundingClientRect().bottom < 0) toast(receipt.textContent.trim());
  });

  // Parts that ask again by themselves: a hidden page does not ask.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-poll]") && document.hidden) event.preventDefault();
  });

  // A lost network or a refusal says so and loses nothing that was typed.
  // What asks again by itself is silent: it will ask again.
  document.body.addEventListener("htmx:sendError", (event) => {
    if (!event.detail.elt.matches("[data-poll]")) toast(words.network);
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt.matches("[data-poll]")) return;
    const status = event.detail.xhr.status;
    toast(words[`status-${status}`] ?? words.status.replace("%s", status));
  });
})();
