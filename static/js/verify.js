// While mail servers are asked: says so, and lets nobody press twice.
"use strict";

for (const form of document.querySelectorAll("form[data-waits]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelector("button").setAttribute("aria-busy", "true");
    form.querySelector(".waiting").textContent = "Asking the mail server. That takes some seconds, half a minute at most.";
  });
}

addEventListener("pageshow", (event) => {  // back from the answer
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("button").removeAttribute("aria-busy");
    form.querySelector(".waiting").textContent = "";
  }
});
