// Keeps the figures of a page in step with the ledger; without it, a reload does.
"use strict";
const live = document.querySelector("[data-live]");
const said = document.getElementById("said");
if (live && window.EventSource) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener("page", (event) => {
    const fresh = new DOMParser().parseFromString(event.data, "text/html");
    for (const piece of fresh.querySelectorAll("[data-piece]")) {
      const here = live.querySelector(`[data-piece="${piece.dataset.piece}"]`);
      if (!here || here.innerHTML === piece.innerHTML) continue;
      const open = [...here.querySelectorAll("details")].map((details) => details.open);
      here.innerHTML = piece.innerHTML;
      here.querySelectorAll("details").forEach((details, n) => { details.open = open[n]; });
    }
    clearTimeout(live.saying);
    live.saying = setTimeout(() => { said.textContent = live.querySelector("[data-said]").textContent; }, 5000);
  });
}
