// Copies keys, IDs and snippets. A key is fetched by POST and goes to the clipboard only; it is never put into the page.
(() => {
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
      redirect: "error",
    });
    if (response.headers.get("Content-Type") !== "application/json") throw new Error("The key was not copied. Reload the page.");
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
      say(error.message || "The clipboard refused. Try again.");
    }
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-copy-key], [data-copy-snippet]");
    if (!form || !navigator.clipboard) return; // without a clipboard the form opens the page that shows the key once
    event.preventDefault();
    const button = form.querySelector("button");
    if (form.hasAttribute("data-copy-key")) {
      copy(button, reveal(form), "Key copied. Keep it secret.");
      return;
    }
    const snippet = form.closest(".snippet");
    const language = snippet.querySelector("input:checked").value;
    const code = snippet.querySelector(`[data-language="${language}"]`).textContent;
    copy(button, reveal(form).then((key) => code.replace("YOUR_API_KEY", key)), "Request copied with your key.");
  });

  document.addEventListener("click", (event) => {
    const shown = event.target.closest("[data-copy-shown]");
    if (shown && navigator.clipboard) copy(shown, Promise.resolve(shown.closest(".revealed").querySelector("code").textContent), shown.dataset.copyShown || "Key copied. Keep it secret.");
    const button = event.target.closest("[data-copy]");
    if (button && navigator.clipboard) copy(button, Promise.resolve(button.dataset.copy), "ID copied.");
  });
})();
