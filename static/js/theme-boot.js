// @ts-check
// Runs before the page is painted, so that a chosen theme does not flash: hence no module.
(() => {
  const theme = localStorage.getItem("synthlab-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
})();
