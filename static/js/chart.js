// Analytics: a crosshair with a tooltip over the chart, by pointer and keyboard, and the manners of the refresh.
// What the tooltip says is read from the table behind the chart, so both always agree.
(() => {
  const charted = (node) => node instanceof Element && node.closest("[data-chart]");
  let shown = -1;

  function row(frame, index) {
    return frame.parentElement.querySelector("[data-numbers] tbody").rows[index];
  }

  function fill(tip, line) {
    const heads = line.closest("table").tHead.rows[0].cells;
    const title = document.createElement("p");
    title.textContent = line.cells[0].textContent;
    const list = document.createElement("dl");
    for (let i = 1; i < line.cells.length; i++) {
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

  function show(frame, index, byKey = false) {
    const line = row(frame, index);
    if (!line) return hide(frame);
    shown = index;
    const columns = Number(frame.dataset.columns);
    const cross = frame.querySelector("[data-crosshair]");
    const tip = frame.querySelector("[data-tip]");
    const plot = cross.ownerSVGElement;
    cross.setAttribute("x", `${((index + 0.5) / columns) * 100}%`);
    cross.removeAttribute("hidden");
    tip.ariaLive = byKey ? "polite" : "off";
    fill(tip, line);
    tip.hidden = false;
    const box = frame.getBoundingClientRect();
    const area = plot.getBoundingClientRect();
    const x = area.left - box.left + ((index + 0.5) / columns) * area.width;
    const left = x > box.width / 2 ? x - tip.offsetWidth - 12 : x + 12;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth))}px`;
  }

  function hide(frame) {
    shown = -1;
    frame.querySelector("[data-crosshair]").setAttribute("hidden", "");
    frame.querySelector("[data-tip]").hidden = true;
  }

  document.addEventListener("pointermove", (event) => {
    const frame = charted(event.target);
    if (!frame) {
      const other = document.querySelector("[data-chart]");
      if (other && shown >= 0 && other !== document.activeElement) hide(other);
      return;
    }
    const area = frame.querySelector("[data-crosshair]").ownerSVGElement.getBoundingClientRect();
    const index = Math.floor(((event.clientX - area.left) / area.width) * Number(frame.dataset.columns));
    if (index < 0) hide(frame);
    else if (index !== shown) show(frame, index);
  });

  document.addEventListener("keydown", (event) => {
    const frame = document.activeElement?.matches("[data-chart]") && document.activeElement;
    if (!frame) return;
    const last = frame.parentElement.querySelectorAll("[data-numbers] tbody tr").length - 1;
    const from = shown < 0 ? last + 1 : shown;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 24, PageDown: from + 24, Home: 0, End: last }[event.key];
    if (event.key === "Escape") hide(frame);
    if (to === undefined) return;
    event.preventDefault();
    show(frame, Math.max(0, Math.min(to, last)), true);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target instanceof Element && event.target.matches("[data-chart]")) hide(event.target);
  });

  addEventListener("resize", () => {
    const frame = document.querySelector("[data-chart]");
    if (frame && shown >= 0) show(frame, shown);
  });

  // What a swap would undo is put back: the open table, its scrolled place, the crosshair.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const list = document.activeElement?.closest("#filters [popover]");
    if (!list || event.detail.elt.id !== "filters") return;
    document.querySelector(`[popovertarget="${list.id}"]`).focus();
  });

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
    const frame = document.querySelector("[data-chart]");
    if (frame && shown >= 0) show(frame, shown);
  });
})();
