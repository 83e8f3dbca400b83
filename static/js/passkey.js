// Says in words what a browser answers when a passkey is not to be had.
"use strict";

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const trouble = document.getElementById("passkey-trouble");
  const cancelled = event.detail.exception?.name === "NotAllowedError";
  trouble.textContent = cancelled
    ? "No passkey was used. Try again, or sign in with your password."
    : "This browser gives no passkeys here. They need https, or localhost instead of a bare address.";
  trouble.hidden = false;
});
