// Checks a receipt (C2SP tlog-proof) in the browser, as strictly as the server's notes.py and merkle.py; asks nobody.
"use strict";
const form = document.querySelector("[data-receipt]");
const result = document.getElementById("result");
const LARGEST = 2n ** 63n - 1n, BYTES_MAX = 1 << 20, NOTE_MAX = 256 * 1024, EXTRA_MAX = 65535, HEADER = "c2sp.org/tlog-proof@v1";
const numbers = new Intl.NumberFormat(`${document.documentElement.lang}-u-nu-latn`);

class Refused extends Error {}
const refuse = (code) => { throw new Refused(code); };
const bytesOf = (text) => new TextEncoder().encode(text);
const same = (a, b) => a.length === b.length && a.every((byte, n) => byte === b[n]);

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { whole.set(part, at); at += part.length; }
  return whole;
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

function decoded(text) {
  let raw;
  try { raw = atob(text); } catch { refuse("base64"); }
  if (btoa(raw) !== text) refuse("base64"); // there is one right way to write it
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

function number(text) {
  if (!/^(0|[1-9][0-9]*)$/.test(text)) refuse("number");
  if (text.length > 19 || BigInt(text) > LARGEST) refuse("size_beyond_limit");
  return BigInt(text);
}

function hash(text) {
  const found = decoded(text);
  return found.length === 32 ? found : refuse("hash_length");
}

function asText(bytes, limit) {
  if (bytes.length > limit) refuse("too_long");
  let text;
  try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { refuse("utf8"); }
  if (text.includes("\r")) refuse("carriage_return");
  if (/[\x00-\x09\x0b-\x1f]/.test(text)) refuse("control_character");
  return text;
}

const isName = (name) => name !== "" && !/[+\p{C}\p{Z}]/u.test(name);

function signature(line) {
  const [dash, name, value, ...more] = line.split(" ");
  if (dash !== "\u2014" || value === undefined || more.length) refuse("signature_line");
  if (!isName(name)) refuse("key_name");
  const blob = decoded(value);
  if (blob.length < 5) refuse("signature_length");
  return { name, id: blob.slice(0, 4), blob: blob.slice(4) };
}

function noteOf(text) {
  if (bytesOf(text).length > NOTE_MAX) refuse("too_long");
  const cut = text.lastIndexOf("\n\n");
  if (cut < 0) refuse("no_signatures");
  if (!text.endsWith("\n") || cut + 2 === text.length) refuse("truncated");
  const signatures = text.slice(cut + 2, -1).split("\n").map(signature);
  if (signatures.length > 64) refuse("too_many_signatures");
  if (new Set(signatures.map((one) => `${one.name} ${one.id}`)).size < signatures.length) refuse("two_signatures_of_one_key");
  return { text: text.slice(0, cut + 1), signatures };
}

function checkpointOf(text) {
  const lines = text.slice(0, -1).split("\n");
  if (lines.length < 3) refuse("truncated");
  if (lines.includes("")) refuse("empty_line");
  return { origin: lines[0], size: number(lines[1]), root: hash(lines[2]) };
}

function proofOf(bytes) {
  const text = asText(bytes, NOTE_MAX + 2 * EXTRA_MAX);
  const cut = text.indexOf("\n\n");
  if (cut < 0) refuse("truncated");
  const [header, ...lines] = text.slice(0, cut).split("\n");
  if (header !== HEADER) refuse("proof_header");
  const extra = lines[0]?.startsWith("extra ") ? decoded(lines.shift().slice(6)) : null;
  if (extra?.length > EXTRA_MAX) refuse("too_long");
  if (!lines[0]?.startsWith("index ")) refuse("index_line");
  const index = number(lines.shift().slice(6));
  if (lines.length > 63) refuse("too_many_hashes");
  return { extra, index, hashes: lines.map(hash), note: noteOf(text.slice(cut + 2)) };
}

async function verifierOf(text) {
  const [name, id, ...rest] = text.split("+");
  if (!rest.length || !isName(name) || !/^[0-9a-f]{8}$/.test(id)) refuse("verifier_key");
  const blob = decoded(rest.join("+"));
  if (blob[0] !== 1) refuse("unknown_algorithm"); // Ed25519 is what a browser can check
  if (blob.length !== 33) refuse("key_length");
  const own = (await sha256(bytesOf(`${name}\n`), blob)).slice(0, 4);
  if ([...own].map((byte) => byte.toString(16).padStart(2, "0")).join("") !== id) refuse("key_id");
  return { text, name, id: own, key: blob.slice(1) };
}

async function checkInclusion(leaf, index, size, hashes, root) {
  if (index >= size) refuse("index_beyond_tree");
  const node = (left, right) => sha256([1], left, right);
  let [at, last, found] = [index, size - 1n, leaf];
  for (const sibling of hashes) {
    if (last === 0n) refuse("proof_too_long");
    if (at & 1n || at === last) {
      found = await node(sibling, found);
      while (!(at & 1n) && at) { at >>= 1n; last >>= 1n; }
    } else found = await node(found, sibling);
    at >>= 1n;
    last >>= 1n;
  }
  if (last) refuse("proof_too_short");
  if (!same(found, root)) refuse("root_differs");
}

// Returns the key that signed; null if this browser does not know Ed25519.
async function signedBy(note, origin, keys) {
  let by;
  for (const { name, id, blob } of note.signatures) {
    const known = keys.find((key) => key.name === origin && key.name === name && same(key.id, id));
    if (!known) continue;
    let key;
    try { key = await crypto.subtle.importKey("raw", known.key, { name: "Ed25519" }, false, ["verify"]); } catch { return null; }
    const holds = blob.length === 64 && (await crypto.subtle.verify("Ed25519", key, blob, bytesOf(note.text)).catch(() => false));
    if (!holds) refuse("wrong_signature");
    by ??= known;
  }
  return by ?? refuse("no_known_signature");
}

async function check(bytes, keys) {
  const { extra, index, hashes, note } = proofOf(bytes);
  const { origin, size, root } = checkpointOf(note.text);
  if (!(extra?.length > 32)) refuse("no_entry");
  await checkInclusion(await sha256([0], await sha256(extra)), index, size, hashes, root);
  return { extra, index, size, by: await signedBy(note, origin, keys) };
}

function fieldsOf(extra) {
  try {
    const fields = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(extra.slice(32)));
    return Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  } catch { return []; }
}

function show(id, values, fields = []) {
  const piece = document.getElementById(id).content.cloneNode(true);
  for (const [name, value] of Object.entries(values))
    for (const place of piece.querySelectorAll(`[data-v="${name}"]`)) place.textContent = value;
  for (const part of piece.querySelectorAll("[data-if]")) part.hidden = !values[part.dataset.if];
  const rows = piece.querySelector("tbody");
  for (const field of fields) {
    const row = rows.rows[0].cloneNode(true);
    row.querySelectorAll("bdi").forEach((cell, n) => { cell.textContent = field[n]; });
    rows.append(row);
  }
  rows?.rows[0].remove();
  if (rows && !fields.length) rows.parentElement.remove();
  piece.querySelector("[data-server]")?.addEventListener("click", () => form.submit());
  result.replaceChildren(piece);
  result.hidden = false;
  result.focus();
}

async function given() {
  const file = form.elements.file.files[0];
  if (file?.size > BYTES_MAX) refuse("too_long");
  if (file?.size) return new Uint8Array(await file.arrayBuffer().catch(() => refuse("unreadable")));
  const text = form.elements.text.value; // whose lines end in a newline alone, whatever was pasted
  if (!text) refuse("nothing_given");
  return bytesOf(text.endsWith("\n") ? text : `${text}\n`);
}

async function answer() {
  result.hidden = true; // what was said before is of another receipt
  result.replaceChildren();
  try {
    const bytes = await given();
    const pasted = form.elements.key.value.trim();
    const ours = [...document.querySelectorAll("[data-key]")];
    const keys = await Promise.all((pasted ? [pasted] : ours.map((one) => one.dataset.key)).map(verifierOf));
    const { extra, index, size, by } = await check(bytes, keys);
    const retired = by && ours.find((one) => one.dataset.key === by.text)?.dataset.retired;
    const values = { position: numbers.format(index + 1n), size: numbers.format(size), key: by && `${by.text.split("+", 2).join("+")} (Ed25519)`, retired };
    show(by ? "proved" : "unsigned", values, fieldsOf(extra));
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    const words = document.getElementById("words").content;
    const said = words.querySelector(`[data-codes~="${problem.message}"]`) ?? words.querySelector("[data-codes=other]");
    show("refused", { code: problem.message, words: said.textContent });
  }
}

if (form && window.crypto?.subtle) { // elsewhere, as over plain HTTP, the form asks the server
  for (const part of form.querySelectorAll("[data-script]")) part.hidden = part.dataset.script === "no";
  form.addEventListener("submit", (event) => { event.preventDefault(); answer(); });
}
