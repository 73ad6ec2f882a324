// Keeps the figures of a page in step with the ledger; without it, a reload does.
"use strict";
const live = document.querySelector("[data-live]");
const said = document.getElementById("said");
const link = document.getElementById("link");
let saying = 0;

function tell(state) {
  link.hidden = false;
  for (const tag of link.children) tag.hidden = tag.dataset.link !== state;
}

function put(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const piece of fresh.querySelectorAll("[data-piece]")) {
    const here = live.querySelector(`[data-piece="${piece.dataset.piece}"]`);
    if (!here || here.innerHTML === piece.innerHTML) continue;
    const open = [...here.querySelectorAll("details")].map((details) => details.open);
    const focused = [...here.querySelectorAll("a,summary")].indexOf(document.activeElement);
    const old = [...here.querySelectorAll(".wf-figure__n")].map((figure) => figure.textContent);
    here.innerHTML = piece.innerHTML;
    here.querySelectorAll("details").forEach((details, n) => { details.open = open[n]; });
    here.querySelectorAll(".wf-figure__n").forEach((figure, n) => {
      if (figure.textContent !== old[n]) figure.classList.add("wf-figure__n--new");
    });
    if (focused >= 0) here.querySelectorAll("a,summary")[focused]?.focus({ preventScroll: true });
  }
  if (!saying) saying = setTimeout(() => { saying = 0; said.textContent = live.querySelector("[data-said]").textContent; }, 30000);
}

// A connection that hangs, as after a laptop's sleep, is no error to the browser: nothing came for three heartbeats.
const QUIET = 45000;
let heard = 0;
let timer = 0;
let renew = () => {};

function listen() {
  const source = new EventSource(live.dataset.live);
  renew = () => { source.close(); tell("lost"); listen(); };
  const hear = () => { heard = Date.now(); clearTimeout(timer); timer = setTimeout(renew, QUIET); };
  hear();
  source.addEventListener("open", () => { hear(); tell("open"); });
  source.addEventListener("page", (event) => { hear(); put(event.data); });
  source.addEventListener("still", hear);
  source.addEventListener("error", () => {
    tell("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(timer);
    timer = setTimeout(listen, 3000); // refused, say while the database is away
  });
}

if (live && window.EventSource) {
  listen();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && Date.now() - heard > QUIET) renew();
  });
}
