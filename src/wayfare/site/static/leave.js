// Takes a staff page off the screen when its session is over, in every tab: nobody reads on at a desk that was left.
"use strict";
const ends = Date.now() + 1000 * Number(document.currentScript.dataset.seconds);
const door = document.currentScript.dataset.door;
const tabs = new BroadcastChannel("wayfare-staff");

function leave() {
  document.body.replaceChildren();
  location.replace(door);
}

function look() {
  if (Date.now() >= ends) leave();
}

setInterval(look, 5000);
addEventListener("pageshow", look);
document.addEventListener("visibilitychange", look);
document.addEventListener("submit", (event) => {
  if (event.target.action.endsWith("/staff/sign-out")) tabs.postMessage("out");
});
tabs.addEventListener("message", leave);
