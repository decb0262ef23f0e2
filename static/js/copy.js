// Copies keys, IDs and snippets, and tries a key. It is fetched by POST and goes to the clipboard or to the gateway; it is
// never put into the page.
(() => {
  const words = document.getElementById("toasts").dataset;
  const say = (message) => document.dispatchEvent(new CustomEvent("latchkey:toast", { detail: message }));

  const show = (button) => {
    const use = button.querySelector("use");
    const href = use.getAttribute("href");
    if (button.hasAttribute("data-copied")) return;
    button.toggleAttribute("data-copied", true);
    use.setAttribute("href", href.replace(/#.*/, "#i-check"));
    setTimeout(() => {
      button.removeAttribute("data-copied");
      use.setAttribute("href", href);
    }, 2000);
  };

  const reveal = async (form) => {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      cache: "no-store",
      redirect: "manual", // to the sign-in page, if to anything
    }).catch(() => null);
    if (!response) throw new Error(words.network);
    if (response.type === "opaqueredirect") throw new Error(words["status-401"]);
    if (response.headers.get("Content-Type") !== "application/json") throw new Error(words.notCopied);
    const answer = await response.json();
    if (answer.confirm) location.assign(answer.confirm); // who they are is asked first; that page leads back to this one
    if (!response.ok) throw new Error(answer.detail);
    return answer.key;
  };

  // Safari allows the clipboard only within the click itself: hand it a promise where that is understood.
  const write = async (text) => {
    if (window.ClipboardItem && navigator.clipboard.write) {
      try {
        const blob = text.then((string) => new Blob([string], { type: "text/plain" }));
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
        return;
      } catch {
        await text; // what the server refused is told as it is; else try the older way
      }
    }
    await navigator.clipboard.writeText(await text);
  };

  const copy = async (button, text, message) => {
    try {
      await write(text);
      show(button);
      say(message);
    } catch (error) {
      say(error.message || words.clipboard);
    }
  };

  // The tile is drawn, so that no address with the key stands in the page, in a cache or among the page's timings.
  const attempt = async (form) => {
    const key = await reveal(form);
    performance.setResourceTimingBufferSize(0);
    const answer = await fetch(form.dataset.try.replace("YOUR_API_KEY", key), { cache: "no-store", credentials: "omit" }).catch(() => null);
    if (!answer) throw new Error(form.dataset.silent);
    if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.detail ?? words.refused.replace("%s", answer.status));
    const tile = await createImageBitmap(await answer.blob());
    const canvas = form.closest("figure").querySelector("canvas");
    canvas.getContext("2d").drawImage(tile, 0, 0, canvas.width, canvas.height);
    canvas.toggleAttribute("data-drawn", true);
  };

  const tryOut = async (form) => {
    const button = form.querySelector("button");
    const told = form.closest("figure").querySelector("[data-answer]");
    button.disabled = true;
    told.textContent = words.asking;
    told.textContent = await attempt(form).then(() => words.answered, (error) => error.message);
    button.disabled = false;
  };

  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-try]")) {
      event.preventDefault();
      tryOut(event.target);
      return;
    }
    const form = event.target.closest("[data-copy-key], [data-copy-snippet]");
    if (!form || !navigator.clipboard) return; // without a clipboard the form opens the page that shows the key once
    event.preventDefault();
    const button = form.querySelector("button");
    if (form.hasAttribute("data-copy-key")) {
      copy(button, reveal(form), words.keyCopied);
      return;
    }
    const snippet = form.closest(".snippet");
    const language = snippet.querySelector("input:checked").value;
    const code = snippet.querySelector(`[data-language="${language}"]`).textContent;
    copy(button, reveal(form).then((key) => code.replace("YOUR_API_KEY", key)), words.requestCopied);
  });

  document.addEventListener("click", (event) => {
    const shown = event.target.closest("[data-copy-shown]");
    if (shown && navigator.clipboard) copy(shown, Promise.resolve(shown.closest(".revealed").querySelector("code").textContent), shown.dataset.copyShown || words.keyCopied);
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return; // a link leads to where the ID stands
    if (button.href) {
      event.preventDefault();
      button.closest("dialog")?.close();
    }
    copy(button, Promise.resolve(button.dataset.copy), words.idCopied);
  });
})();
