// The page works without this. It looks every second whether the page has changed and puts in what did, so that nothing
// that somebody types, has open or has the focus on is lost.
"use strict";
(() => {
  const EVERY_MS = 1000;
  let tag = null;
  let sent = 0; // how many forms were sent: an answer to a look from before one of them is old

  // What a person does to a page, and no server knows of.
  const isTheirs = (node, name) =>
    (node.tagName === "DETAILS" && name === "open") ||
    (node.matches("input:not([type=hidden]), textarea, select, option") && ["value", "selected"].includes(name));

  function attributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !isTheirs(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value && !isTheirs(old, name)) old.setAttribute(name, value);
    }
  }

  const isSame = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");

  function children(old, fresh) {
    let at = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      let found = at;
      if (wanted.id) {
        while (found && found.id !== wanted.id) found = found.nextSibling;
      }
      if (found && isSame(found, wanted)) {
        // What stands before it in the old page is gone from the new one.
        while (at !== found) { const gone = at; at = at.nextSibling; gone.remove(); }
        at = found.nextSibling;
        morph(found, wanted);
      } else {
        old.insertBefore(document.importNode(wanted, true), at);
        if (at && !at.id && !wanted.id) { const gone = at; at = at.nextSibling; gone.remove(); }
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }

  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) { old.nodeValue = fresh.nodeValue; return; }
    attributes(old, fresh);
    if (old.tagName !== "TEXTAREA") children(old, fresh);
  }

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const before = document.activeElement;
    const around = [];
    for (let node = before; node && node !== document.body; node = node.parentElement) if (node.id) around.push(node.id);
    const had = new Set([...document.querySelectorAll("[data-focus]")].map((node) => node.id));
    morph(document.body, document.importNode(fresh.body, true));
    refocus(before, around, had);
  }

  // A button that is gone leaves the focus nowhere: the nearest thing around it takes it. A new modal takes it too,
  // unless somebody is busy in the other pane.
  function refocus(before, around, had) {
    const modal = [...document.querySelectorAll("[data-focus]")].find((node) => !had.has(node.id));
    const pane = modal && modal.closest(".pane");
    if (modal && (!around.length || around.includes(pane.id))) {
      (modal.querySelector("input:not([type=hidden]), textarea, select, button") || modal).focus();
    } else if (before && before !== document.body && !before.isConnected) {
      const near = around.map((id) => document.getElementById(id)).find(Boolean);
      if (near) near.focus({ preventScroll: true });
    }
  }

  async function look() {
    if (document.hidden) return;
    const number = sent;
    try {
      const answer = await fetch("/page/live" + location.search, { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
      if (answer.status === 200) {
        const text = await answer.text();
        if (number === sent) { tag = answer.headers.get("ETag"); show(text); }
      } else if (answer.status !== 304) throw new Error(answer.status);
      lost(false);
    } catch { lost(true); }
  }

  function lost(is) {
    document.getElementById("lost").hidden = !is;
    if (is) tag = null;
  }

  async function send(form, button) {
    const body = new URLSearchParams(new FormData(form, button));
    const line = form.matches(".composer") ? form.elements.text : null;
    const typed = line ? line.value : "";
    if (line) line.value = "";
    if (button && button.closest("[popover]")) button.closest("[popover]").hidePopover();
    sent += 1;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      if (!answer.ok) throw new Error(answer.status);
      sent += 1;
      tag = null;
      show(await answer.text());
      // Who has said something wants to see what comes of it. The list is turned round: its end is at 0.
      if (line) form.closest(".pane").querySelector(".messages").scrollTop = 0;
    } catch {
      lost(true);
      if (line && !line.value) line.value = typed;
    }
    form.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target, event.submitter);
  });
  document.addEventListener("visibilitychange", look);
  (async () => { for (;;) { await new Promise((done) => setTimeout(done, EVERY_MS)); await look(); } })();
})();
