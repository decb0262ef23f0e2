// Makes and uses passkeys. A form with data-passkey is sent with what the browser's authenticator signed; what it shall sign
// stands in data-options, or is asked for at data-options-from.
(() => {
  if (!window.PublicKeyCredential) return;
  for (const part of document.querySelectorAll("[data-needs-passkeys]")) part.hidden = false;

  const say = (message) => document.dispatchEvent(new CustomEvent("latchkey:toast", { detail: message }));
  // What went wrong, as the attributes of the form name it that hold the words for it.
  const REASONS = { NotAllowedError: "cancelled", InvalidStateError: "exists", SecurityError: "address" };

  // The server speaks JSON with bytes as base64url, the browser buffers.
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  const named = (list) => (list ?? []).map((credential) => ({ ...credential, id: bytes(credential.id) }));

  const make = async (form, { publicKey }) => {
    const chosen = publicKey.authenticatorSelection;
    if (form.elements.passwordless.checked) Object.assign(chosen, { residentKey: "required", requireResidentKey: true, userVerification: "required" });
    const user = { ...publicKey.user, id: bytes(publicKey.user.id) };
    const options = { ...publicKey, user, challenge: bytes(publicKey.challenge), excludeCredentials: named(publicKey.excludeCredentials) };
    const made = await navigator.credentials.create({ publicKey: options });
    return [made, { attestationObject: text(made.response.attestationObject), transports: made.response.getTransports?.() ?? [] }];
  };

  const use = async (form, { publicKey }) => {
    const options = { ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: named(publicKey.allowCredentials) };
    const used = await navigator.credentials.get({ publicKey: options });
    const { authenticatorData, signature, userHandle } = used.response;
    return [used, { authenticatorData: text(authenticatorData), signature: text(signature), userHandle: userHandle && text(userHandle) }];
  };

  const sign = async (form) => {
    const from = form.dataset.optionsFrom;
    const options = from ? (await (await fetch(from, { headers: { Accept: "application/json" } })).json()).request_options : JSON.parse(form.dataset.options);
    const [credential, signed] = await (form.dataset.passkey === "make" ? make : use)(form, options);
    const response = { clientDataJSON: text(credential.response.clientDataJSON), ...signed };
    const clientExtensionResults = credential.getClientExtensionResults();
    form.elements.credential.value = JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults });
    form.submit();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-passkey]");
    if (!form) return;
    event.preventDefault();
    sign(form).catch((error) => say(form.dataset[REASONS[error.name] ?? "failed"]));
  });
})();
