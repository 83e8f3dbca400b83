// Copies a secret; and sees to it that a reload leads to the list, where the form would make a second one.
"use strict";

history.replaceState(null, "", document.getElementById("secret").dataset.then);

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // no clipboard outside https: mark the text, for the keyboard to copy
      getSelection().selectAllChildren(source);
      button.textContent = "Now press Ctrl C";
    }
    setTimeout(() => { button.textContent = words; }, 3000);
  });
}
