// Analytics: a crosshair with a tooltip over the chart and zooming, by pointer and keyboard, and the manners of the refresh.
// What the tooltip says is read from the table behind the chart, so both always agree.
(() => {
  const charted = (node) => node instanceof Element && node.closest("[data-chart]");
  let shown = -1;
  let origin = -1; // where a stretch of time begins that is being chosen

  function rows(frame) {
    return frame.parentElement.querySelector("[data-numbers] tbody").rows;
  }

  function fill(tip, line) {
    const heads = line.closest("table").tHead.rows[0].cells;
    const title = document.createElement("p");
    title.textContent = line.cells[0].textContent;
    const list = document.createElement("dl");
    for (let i = 1; i < line.cells.length; i++) {
      if (heads[i].hasAttribute("data-off")) continue;
      const name = document.createElement("dt");
      const value = document.createElement("dd");
      if (heads[i].dataset.series) {
        const swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.dataset.series = heads[i].dataset.series;
        name.append(swatch);
      }
      name.append(heads[i].textContent);
      value.textContent = line.cells[i].textContent;
      list.append(name, value);
    }
    tip.replaceChildren(title, list);
  }

  // The bounds of what is chosen as the address says them: dates are both included, a time ends before the next.
  function chosen(frame) {
    const lines = rows(frame);
    const [first, last] = [Math.min(origin, shown), Math.max(origin, shown)];
    const from = lines[first].dataset.from;
    const next = lines[last + 1]?.dataset.from ?? frame.dataset.until;
    return { first, last, from, to: from.includes("T") ? next : lines[last].dataset.from };
  }

  function choose(frame) {
    const area = frame.querySelector("[data-chosen]");
    area.toggleAttribute("hidden", origin < 0);
    if (origin < 0) return;
    const { first, last } = chosen(frame);
    const columns = Number(frame.dataset.columns);
    area.setAttribute("x", `${(first / columns) * 100}%`);
    area.setAttribute("width", `${((last - first + 1) / columns) * 100}%`);
  }

  function zoom(frame) {
    const { from, to } = chosen(frame);
    const url = new URL(frame.dataset.zoom, location.href);
    url.searchParams.set("from", from);
    url.searchParams.set("to", to);
    location.assign(url);
  }

  function say(frame) {
    const when = (index) => rows(frame)[index].cells[0].textContent;
    const values = [...frame.querySelectorAll("[data-tip] dt")].map((name) => `${name.textContent} ${name.nextSibling.textContent}`);
    const { first, last } = origin < 0 ? {} : chosen(frame);
    const stretch = () => frame.dataset.stretch.replace("%1", when(first)).replace("%2", when(last));
    frame.querySelector("[data-said]").textContent = origin < 0 ? [when(shown), ...values].join(", ") : stretch();
  }

  function show(frame, index) {
    const line = rows(frame)[index];
    if (!line) return hide(frame);
    shown = index;
    const columns = Number(frame.dataset.columns);
    const cross = frame.querySelector("[data-crosshair]");
    const tip = frame.querySelector("[data-tip]");
    cross.setAttribute("x", `${((index + 0.5) / columns) * 100}%`);
    cross.removeAttribute("hidden");
    fill(tip, line);
    tip.hidden = false;
    const box = frame.getBoundingClientRect();
    const area = cross.ownerSVGElement.getBoundingClientRect();
    const x = area.left - box.left + ((index + 0.5) / columns) * area.width;
    const left = x > box.width / 2 ? x - tip.offsetWidth - 12 : x + 12;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth))}px`;
    choose(frame);
  }

  function hide(frame) {
    shown = origin = -1;
    choose(frame);
    frame.querySelector("[data-crosshair]").setAttribute("hidden", "");
    frame.querySelector("[data-tip]").hidden = true;
  }

  function indexAt(frame, event) {
    const area = frame.querySelector("[data-crosshair]").ownerSVGElement.getBoundingClientRect();
    return Math.floor(((event.clientX - area.left) / area.width) * Number(frame.dataset.columns));
  }

  let dragged = null;

  document.addEventListener("pointerdown", (event) => {
    const frame = charted(event.target);
    if (!frame || event.button || event.target.closest("a")) return;
    const index = indexAt(frame, event);
    if (index < 0) return;
    show(frame, index);
    if (event.pointerType === "touch" || shown < 0) return; // a finger scrolls
    origin = index;
    dragged = frame;
  });

  document.addEventListener("pointerup", () => {
    if (!dragged) return;
    if (dragged.isConnected && origin !== shown && origin >= 0) zoom(dragged);
    origin = -1;
    choose(dragged);
    dragged = null;
  });

  document.addEventListener("pointermove", (event) => {
    if (dragged?.isConnected && origin >= 0) {
      const last = rows(dragged).length - 1;
      return show(dragged, Math.max(0, Math.min(indexAt(dragged, event), last)));
    }
    const frame = charted(event.target);
    if (!frame) {
      const other = document.querySelector("[data-chart]");
      if (other && shown >= 0 && other !== document.activeElement) hide(other);
      return;
    }
    const index = indexAt(frame, event);
    if (index < 0) hide(frame);
    else if (index !== shown && origin < 0) show(frame, index);
  });

  document.addEventListener("keydown", (event) => {
    const frame = document.activeElement?.matches("[data-chart]") && document.activeElement;
    if (!frame) return;
    const last = rows(frame).length - 1;
    const from = shown < 0 ? last + 1 : shown;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 24, PageDown: from + 24, Home: 0, End: last }[event.key];
    if (event.key === "Escape") hide(frame);
    if (event.key === "Enter" && origin >= 0) zoom(frame);
    if (to === undefined) return;
    event.preventDefault();
    if (!event.shiftKey) origin = -1;
    else if (origin < 0) origin = shown < 0 ? last : shown;
    show(frame, Math.max(0, Math.min(to, last)));
    say(frame);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-chart]")) hide(event.target);
  });

  addEventListener("resize", () => {
    const frame = document.querySelector("[data-chart]");
    if (frame && shown >= 0) show(frame, shown);
  });

  // A choice in an open list asks at once: the focus waits at the list's button, which the swap does not take away.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const list = document.activeElement?.closest("#filters [popover]");
    if (!list || event.detail.elt.id !== "filters") return;
    document.querySelector(`[popovertarget="${list.id}"]`).focus();
  });

  // What a swap would undo is put back: the open table, its scrolled place, the crosshair.
  let kept = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.target.matches("#figures")) return;
    const frames = [...document.querySelectorAll("#figures .table-frame[id], #figures details[id]")];
    kept = frames.map((frame) => [frame.id, frame.open, frame.scrollLeft, frame.scrollTop]);
  });

  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, open, left, top] of kept.splice(0)) {
      const frame = document.getElementById(id);
      if (!frame) continue;
      if (open) frame.open = true;
      frame.scrollTo(left, top);
    }
    const frame = ready();
    if (dragged) dragged = frame;
    if (frame && shown >= 0) show(frame, shown);
  });

  // With this script the chart takes the arrow keys also from those who listen.
  function ready() {
    const frame = document.querySelector("[data-chart]");
    frame?.setAttribute("role", "application");
    return frame;
  }
  ready();
})();
