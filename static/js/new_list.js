// Choosing files: drag and drop onto the chooser, and what was chosen, with what is too much of it.
"use strict";

const zone = document.getElementById("drop-zone");
const chooser = document.getElementById("file");
const words = document.getElementById("drop-words");
const form = document.getElementById("upload-form");
const chosenFiles = document.getElementById("chosen-files");

zone.querySelectorAll(".with-script").forEach((part) => { part.hidden = false; });

function sizeOf(bytes) {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

// Gives a sentence for each thing that the portal would refuse unread.
function whatIsTooMuch(files) {
  const { mostFiles, mostBytes, mostBytesTogether } = form.dataset;
  const found = files
    .filter((file) => file.size > Number(mostBytes))
    .map((file) => `${file.name} has ${sizeOf(file.size)}; ${sizeOf(Number(mostBytes))} is the limit of this account. Split it into smaller files, or take out columns that you do not need.`);
  if (files.length > Number(mostFiles)) {
    found.push(`These are ${files.length} files; ${mostFiles} can be sent at once. Choose fewer, and send the others after.`);
  }
  const together = files.reduce((sum, file) => sum + file.size, 0);
  if (together > Number(mostBytesTogether)) {
    found.push(`The files have ${sizeOf(together)} together; ${sizeOf(Number(mostBytesTogether))} can be sent at once. Choose fewer, and send the others after.`);
  }
  return found;
}

function showChosen() {
  const files = [...chooser.files];
  if (!files.length) return;
  const together = files.reduce((sum, file) => sum + file.size, 0);
  words.textContent = files.length === 1 ? `${files[0].name} (${sizeOf(files[0].size)})` : `${files.length} files (${sizeOf(together)})`;
  zone.classList.add("chosen");
  chosenFiles.hidden = files.length < 2;
  chosenFiles.replaceChildren(...files.map((file) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const state = document.createElement("span");
    name.textContent = file.name;
    name.className = "file-name";
    state.textContent = sizeOf(file.size);
    state.className = "muted small";
    item.append(name, state);
    return item;
  }));
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
  if (event.dataTransfer.files.length && !chooser.disabled) {
    chooser.files = event.dataTransfer.files;
    chooser.dispatchEvent(new Event("change"));
  }
});
chooser.addEventListener("change", showChosen);
window.addEventListener("pageshow", showChosen);
