// Takes a staff page off the screen when its session is over, in every tab: nobody reads on at a desk that was left.
// A form that somebody typed in is sent along, marked "leaving": the server seals it and does not do what it asks.
"use strict";
const ends = Date.now() + 1000 * Number(document.currentScript.dataset.seconds);
const door = document.currentScript.dataset.door;
const tabs = new BroadcastChannel("wayfare-staff");

const shownAgain = document.currentScript.dataset.typed === "yes";
const holdsText = (form) => form.method === "post" && form.querySelector("textarea, input[type=text], input:not([type])") !== null;
let typed = (shownAgain ? [...document.querySelectorAll("main form")].find(holdsText) : document.querySelector("[aria-invalid]")?.form) || null;

function add(form, name, value) {
  const field = document.createElement("input");
  field.type = "hidden";
  field.name = name;
  field.value = value;
  form.append(field);
}

function keep(form) {
  const act = form.querySelector("button[name]:not([name=add])");
  if (act) add(form, act.name, act.value);
  add(form, "leaving", "yes");
  form.hidden = true;
  document.body.replaceChildren(form);
  HTMLFormElement.prototype.submit.call(form);
}

function leave() {
  clearInterval(watch);
  tabs.onmessage = null;
  if (typed && holdsText(typed)) return keep(typed);
  document.body.replaceChildren();
  location.replace(door);
}

function look() {
  if (Date.now() >= ends) leave();
}

const watch = setInterval(look, 5000);
addEventListener("pageshow", look);
document.addEventListener("visibilitychange", look);
document.addEventListener("submit", (event) => {
  if (event.target.action.endsWith("/staff/sign-out")) tabs.postMessage("out");
});
addEventListener("input", (event) => { typed = event.target.form || typed; });
tabs.onmessage = () => leave();
