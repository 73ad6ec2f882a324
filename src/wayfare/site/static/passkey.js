// Lets a form be answered by a passkey: asks the server for a challenge, the authenticator for its answer, sends both.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function readable(options) {
  const key = { ...options, challenge: bytes(options.challenge) };
  if (key.user) key.user = { ...key.user, id: bytes(key.user.id) };
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    if (key[list]) key[list] = key[list].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return { publicKey: key };
}

function sendable(made) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  return JSON.stringify({ id: made.id, rawId: made.id, type: made.type, response, clientExtensionResults: {} });
}

async function answer(form) {
  const token = form.elements.csrfmiddlewaretoken.value;
  const asked = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!asked.ok) throw new Error(asked.status);
  const options = readable((await asked.json()).publicKey);
  const made = await (form.dataset.passkey === "get" ? navigator.credentials.get(options) : navigator.credentials.create(options));
  form.elements.credential.value = sendable(made);
  form.submit();
}

if (window.isSecureContext && window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("[data-passkey]")) {
    for (const one of form.querySelectorAll("[data-script]")) one.hidden = one.dataset.script === "no";
    const failed = form.querySelector("[data-failed]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      failed.hidden = true;
      answer(form).catch(() => { failed.hidden = false; });
    });
  }
}
