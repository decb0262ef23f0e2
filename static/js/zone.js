// Tell the server in which time zone the person's days begin. Without a script the server takes UTC.
for (const input of document.querySelectorAll("[data-time-zone]")) {
  input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
}
