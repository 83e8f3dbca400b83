// Sending: files go one by one, with how far they are; what was not sent can be sent again, and comes once.
"use strict";

const parts = Object.fromEntries(["sending", "sending-name", "sent", "sending-words", "sending-said", "sending-trouble", "stop-sending"]
  .map((id) => [id, document.getElementById(id)]));
const sendButton = form.querySelector("button[type=submit]");
const SPOKEN_SECONDS = 10;
const STILL_HERE = "Everything you chose is still here.";
let queue = []; // [{ name, file, item }] that are still to be sent; `file` is null for pasted addresses
let several = false;
let sending = null; // the request under way
let signedOut = false;

function say(text) {
  parts["sending-said"].textContent = text;
}

function show(isSending) {
  parts.sending.hidden = parts["stop-sending"].hidden = !isSending;
  sendButton.toggleAttribute("aria-busy", isSending);
  sendButton.disabled = isSending || sendButton.hasAttribute("data-closed");
  chooser.disabled = isSending;
}

function trouble(sentences, button = "Upload", link = null) {
  show(false);
  sending = null;
  sendButton.textContent = button;
  parts["sending-trouble"].replaceChildren(...sentences.map((sentence) => {
    const line = document.createElement("p");
    line.textContent = sentence;
    return line;
  }));
  if (link) parts["sending-trouble"].append(link);
  parts["sending-trouble"].hidden = false;
  say("");
  (link ?? sendButton).focus();
}

function markItem(source, text) {
  if (source.item) source.item.lastChild.textContent = text;
}

function timeLeft(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} seconds left`;
  return `about ${Math.round(seconds / 60)} minutes left`;
}

// Shows how far a request is; speaks of it now and then only.
function watch(request, source) {
  const begun = performance.now();
  let spoken = begun;
  parts["sending-name"].textContent = several ? `Sending ${source.name} (${queue.length} to go)` : `Sending ${source.name}`;
  parts.sent.value = 0;
  parts["sending-words"].textContent = "";
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const now = performance.now();
    const seconds = ((total - loaded) * (now - begun)) / loaded / 1000;
    const far = `${sizeOf(loaded)} of ${sizeOf(total)}`;
    parts.sent.value = total ? loaded / total : 0;
    parts["sending-words"].textContent = now - begun > 1000 && loaded < total ? `${far}, ${timeLeft(seconds)}` : far;
    if (now - spoken > SPOKEN_SECONDS * 1000) {
      spoken = now;
      say(parts["sending-words"].textContent);
    }
  });
  request.upload.addEventListener("load", () => {
    parts.sent.removeAttribute("value");
    parts["sending-words"].textContent = `${source.name} has arrived; it is being read …`;
    say(parts["sending-words"].textContent);
  });
}

function signInLink() {
  const link = document.createElement("a");
  link.href = form.dataset.signIn;
  link.target = "_blank";
  link.textContent = "Sign in in another tab";
  return link;
}

// A login that ended in the middle looks like a lost connection: the portal hangs up on strangers with big files.
async function standing() {
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") return "signed out";
    return answer.ok ? "here" : "refused";
  } catch {
    return "away";
  }
}

// A file that was changed, moved or deleted since it was chosen fails as a lost connection does.
async function canBeRead(source) {
  try {
    await source.file?.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function explain(lead, source) {
  if (!(await canBeRead(source))) {
    queue = [];
    trouble([`${source.name} cannot be read: it is a folder, or was changed, moved or deleted since you chose it. Choose it again.`]);
    return;
  }
  const found = await standing();
  signedOut = found === "signed out";
  if (signedOut) {
    trouble(["You are no longer signed in, so nothing of this file was taken.", `${STILL_HERE} Sign in, come back to this tab, and press “Send again”.`], "Send again", signInLink());
  } else if (found === "refused") {
    trouble(["The portal does not let you upload here any more. Ask an owner of the account.", STILL_HERE], "Send again");
  } else {
    trouble([lead, `${STILL_HERE} Press “Send again”${found === "away" ? " once you are connected" : ""}: whatever has arrived already is not taken twice.`], "Send again");
  }
}

function cookie(name) {
  return document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

function bodyOf(source) {
  const body = new FormData();
  // signing in again gives a new one, which this page does not hold
  body.set("csrfmiddlewaretoken", cookie("csrftoken") ?? form.elements.csrfmiddlewaretoken.value);
  body.set("token", form.elements.token.value);
  if (several) body.set("several", "1");
  if (source.file) body.set("file", source.file);
  else body.set("pasted", form.elements.pasted.value);
  return body;
}

// The sign-in page, where we are sent without a session, answers scripts in JSON, too.
function ofTheUpload(request) {
  try {
    const answer = JSON.parse(request.responseText);
    return Array.isArray(answer.refusals) ? answer : null;
  } catch {
    return null;
  }
}

function answered(request, source) {
  const answer = ofTheUpload(request);
  if (!answer || request.status >= 500) {
    const why = answer?.refusals.join(" ") ?? `The portal could not take it (answer ${request.status}).`;
    if (answer) trouble([`${source.name}: ${why}`, STILL_HERE], "Send again");
    else explain(why, source);
    return;
  }
  if (!answer.location) {
    queue = [];
    trouble(answer.refusals);
    return;
  }
  markItem(source, answer.refusals.length ? "✗ not taken" : "✓ arrived");
  queue.shift();
  if (queue.length) sendNext();
  else leave(answer.location);
}

function leave(location) {
  sending = null;
  say("Done.");
  window.location.assign(location);
}

function sendNext() {
  const [source] = queue;
  const request = new XMLHttpRequest();
  sending = request;
  parts["sending-trouble"].hidden = true;
  show(true);
  watch(request, source);
  markItem(source, "being sent …");
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.addEventListener("load", () => answered(request, source));
  request.addEventListener("error", () => explain(`The connection was lost while ${source.name} was sent.`, source));
  request.addEventListener("abort", () => trouble([`Stopped: ${source.name} was not sent.`, STILL_HERE], "Send again"));
  request.send(bodyOf(source));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (sending) return;
  const tooMuch = whatIsTooMuch([...chooser.files]);
  if (tooMuch.length) {
    trouble(tooMuch);
    chooser.focus();
    return;
  }
  if (!queue.length) {
    queue = [...chooser.files].map((file, place) => ({ name: file.name, file, item: chosenFiles.children[place] }));
    if (form.elements.pasted.value.trim()) queue.push({ name: "what you pasted", file: null, item: null });
    several = queue.length > 1;
  }
  if (queue.length) sendNext();
  else trouble(["Choose a file, or paste some addresses."]);
});
for (const field of [chooser, form.elements.pasted]) {
  field.addEventListener("change", () => {
    if (sending) return;
    queue = [];
    sendButton.textContent = "Upload";
  });
}
parts["stop-sending"].addEventListener("click", () => sending?.abort());
window.addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });
window.addEventListener("focus", async () => {
  if (signedOut && !sending && (await standing()) === "here") {
    signedOut = false;
    trouble(["You are signed in again.", `${STILL_HERE} Press “Send again”.`], "Send again");
  }
});
window.addEventListener("pageshow", () => {
  queue = [];
  show(false);
  sendButton.textContent = "Upload";
});
