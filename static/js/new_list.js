// Drag and drop onto the file chooser, and the name of the chosen file.
"use strict";

const zone = document.getElementById("drop-zone");
const chooser = document.getElementById("file");
const words = document.getElementById("drop-words");
const form = document.getElementById("upload-form");

zone.querySelectorAll(".with-script").forEach((part) => { part.hidden = false; });

function showChosen() {
  const file = chooser.files[0];
  if (!file) return;
  const size = file.size < 100_000 ? `${Math.ceil(file.size / 1000)} kB` : `${(file.size / 1_000_000).toFixed(1)} MB`;
  words.textContent = `${file.name} (${size})`;
  zone.classList.add("chosen");
}

for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.remove("over"); });
}
// a file dropped beside the zone must not replace the page
for (const name of ["dragover", "drop"]) {
  window.addEventListener(name, (event) => event.preventDefault());
}
zone.addEventListener("drop", (event) => {
  if (event.dataTransfer.files.length) {
    const first = new DataTransfer();
    first.items.add(event.dataTransfer.files[0]);
    chooser.files = first.files;
    showChosen();
  }
});
chooser.addEventListener("change", showChosen);
form.addEventListener("submit", () => {
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
  button.textContent = "Reading the list…";
});
window.addEventListener("pageshow", () => {
  const button = form.querySelector("button[type=submit]");
  button.removeAttribute("aria-busy");
  button.textContent = "Upload";
  showChosen();
});
