// Keeps what is marked data-live up to date, and shows times in the viewer's zone. The server writes all HTML; without this
// script the pages show the moment at which they were loaded.
"use strict";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const isUtc = new Date().getTimezoneOffset() === 0;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });

// The viewer's time, with UTC beside it.
function localise(root) {
  if (isUtc) return;
  for (const element of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const utc = document.createElement("small");
    utc.textContent = element.textContent;
    const today = day.format(at) === day.format(new Date());
    element.textContent = (today ? "" : day.format(at) + " ") + time.format(at) + " ";
    element.append(utc);
    element.dataset.local = "";
  }
}

// Changes `old` into `fresh` node by node, so that focus, selection, scrolling and opened details stay. Returns the node that is now
// in its place.
function morph(old, fresh) {
  const isTime = old.nodeName === "TIME";
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (isTime && old.dateTime !== fresh.dateTime)) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
  } else if (!isTime) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(old.nodeName === "DETAILS" && name === "open")) old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    children(old, fresh);
  }
  return old;
}

const key = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key : "") || "";

// What has a key, such as the row of an incident, stays the same element wherever it moves: a link keeps its target while it has
// the focus or is being clicked. All else is matched by position. A key may stand several times: a station on two interfaces.
function children(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) {
    const name = key(child);
    if (name) keyed.set(name, [...(keyed.get(name) ?? []), child]);
  }
  const kept = new Set();
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const name = key(child);
    // Those with a key match another element, now or later.
    while (!name && next && key(next)) next = next.nextSibling;
    const match = name ? keyed.get(name)?.shift() : next;
    if (match && match === next) next = next.nextSibling;
    else old.insertBefore(match ?? child, next);
    kept.add(match ? morph(match, child) : child);
  }
  for (const child of [...old.childNodes]) if (!kept.has(child)) child.remove();
}

function show(id, html) {
  const place = document.getElementById(id);
  if (!place) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = place.cloneNode(false);
  fresh.append(template.content);
  const active = document.activeElement;
  morph(place, fresh);
  // An element that was moved has lost the focus.
  if (active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });
  localise(place);
}

// Pages other than the first one are fetched again, at most every two seconds.
let fetching = false;
let again = false;
async function refetch() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!response.ok) {
      say("Not updated: the server answers with status " + response.status + ".", true);
    } else {
      if (stream) say("Live", false);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const place of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(place.id);
        if (fresh) show(fresh.id, fresh.innerHTML);
        // An incident that is over does not change any more.
        if (fresh && !("live" in fresh.dataset)) delete place.dataset.live;
      }
      if (!document.querySelector("[data-live]")) {
        disconnect();
        say("", false);
      }
    }
  } catch {
    // The stream tells that the connection is lost.
  }
  setTimeout(() => {
    fetching = false;
    if (again) {
      again = false;
      refetch();
    }
  }, 2000);
}

const connection = document.getElementById("connection");
let stream = null;
let retry = null;
// When there was last news, and until when to wait for more.
let heard = 0;
let patience = 0;

// Packet time moves on without packets, so that there is news every second: after six seconds without any, the connection or Pegel
// is stuck, even if the browser has not noticed.
const SILENCE = 6000;
setInterval(() => {
  if (stream && Date.now() > patience) lose();
}, 1000);

function say(text, isLost) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.classList.toggle("lost", isLost);
}

function lose() {
  const since = heard ? " since " + time.format(new Date(heard)) : "";
  say("Not live" + since + ": no connection, Pegel is stuck, or too many pages are open.", true);
  disconnect();
  // Not all pages at the same time.
  retry = setTimeout(connect, 2000 + 2000 * Math.random());
}

function hear() {
  heard = Date.now();
  patience = heard + SILENCE;
  say("Live", false);
}

function disconnect() {
  clearTimeout(retry);
  if (stream) stream.close();
  stream = null;
}

function connect() {
  disconnect();
  stream = new EventSource(document.body.dataset.stream);
  patience = Date.now() + SILENCE;
  if (!heard) say("Connecting…", false);
  stream.onerror = lose;
  stream.addEventListener("now", (event) => {
    hear();
    for (const [id, html] of Object.entries(JSON.parse(event.data))) show(id, html);
    const headline = document.getElementById("headline");
    if (headline) document.title = headline.textContent + " · Pegel";
  });
  stream.addEventListener("news", () => {
    hear();
    refetch();
  });
}

document.addEventListener("click", (event) => {
  const id = event.target instanceof Element ? event.target.getAttribute("data-copy") : null;
  const source = id && document.getElementById(id);
  if (!source) return;
  // Without TLS, browsers offer no other clipboard.
  getSelection().selectAllChildren(source);
  event.target.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with the keyboard";
});

if (!isUtc) document.getElementById("zone").textContent = zone + ", with UTC beside";
localise(document);
if (document.querySelector("[data-live]")) {
  // A browser opens six connections to a server at most: pages in the background leave theirs to others.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else if (document.querySelector("[data-live]")) connect();
  });
  if (!document.hidden) connect();
}
