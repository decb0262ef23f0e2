// Counts down what ends, and keeps "4 s ago" true.
(() => {
  const say = document.getElementById("toasts").dataset;
  const two = (value) => String(value).padStart(2, "0");
  const left = (seconds) => {
    const days = Math.floor(seconds / 86400);
    const clock = `${two(Math.floor((seconds % 86400) / 3600))}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
    return days ? `${(days === 1 ? say.day : say.days).replace("%s", days)} ${clock}` : clock;
  };
  const ago = (seconds) => {
    if (seconds < 60) return say.secondsAgo.replace("%s", seconds);
    if (seconds < 3600) return say.minutesAgo.replace("%s", Math.floor(seconds / 60));
    if (seconds < 86400) return say.hoursAgo.replace("%s", Math.floor(seconds / 3600));
    return null;
  };
  const tick = () => {
    if (document.hidden) return;
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      time.textContent = left(Math.max(0, Math.floor((Date.parse(time.dateTime) - now) / 1000)));
    }
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const words = ago(Math.max(0, Math.round((now - Date.parse(time.dateTime)) / 1000)));
      if (words) time.textContent = words;
    }
  };
  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
})();
