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

// Changes `old` into `fresh` node by node, so that focus, selection, scrolling and opened details stay.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeName === "TIME") {
    if (old.dateTime !== fresh.dateTime) old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(old.nodeName === "DETAILS" && name === "open")) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const before = [...old.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((child, index) => (index < before.length ? morph(before[index], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

function show(id, html) {
  const place = document.getElementById(id);
  if (!place) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = place.cloneNode(false);
  fresh.append(template.content);
  morph(place, fresh);
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
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const fresh of page.querySelectorAll("[data-live]")) show(fresh.id, fresh.innerHTML);
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

function say(text, isLost) {
  if (connection.textContent !== text) connection.textContent = text;
  connection.classList.toggle("lost", isLost);
}

function lose() {
  if (!connection.classList.contains("lost")) say("Connection lost at " + time.format(new Date()) + ". What is shown is from then.", true);
  disconnect();
  retry = setTimeout(connect, 2000);
}

function disconnect() {
  clearTimeout(retry);
  if (stream) stream.close();
  stream = null;
}

function connect() {
  disconnect();
  stream = new EventSource(document.body.dataset.stream);
  stream.onopen = () => say("Live", false);
  stream.onerror = lose;
  stream.addEventListener("now", (event) => {
    for (const [id, html] of Object.entries(JSON.parse(event.data))) show(id, html);
    const headline = document.getElementById("headline");
    if (headline) document.title = headline.textContent + " · Pegel";
  });
  stream.addEventListener("news", refetch);
}

document.addEventListener("click", (event) => {
  const id = event.target instanceof Element ? event.target.getAttribute("data-copy") : null;
  const source = id && document.getElementById(id);
  if (!source) return;
  // Without TLS, browsers offer no other clipboard.
  getSelection().selectAllChildren(source);
  event.target.textContent = document.execCommand("copy") ? "Copied" : "Selected: copy it with the keyboard";
});

if (!isUtc) document.getElementById("zone").textContent = zone + ", with UTC beside them";
localise(document);
if (document.querySelector("[data-live]")) {
  // A browser opens six connections to a server at most: pages in the background leave theirs to others.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  if (!document.hidden) connect();
}
