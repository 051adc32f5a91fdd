// @ts-check
/** The light and the dark theme: the system's choice until a person makes their own. */

const KEY = "synthlab-theme";

/** @returns {"light" | "dark"} the theme in force */
export function currentTheme() {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function startThemeSwitch() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => {
      const theme = currentTheme() === "light" ? "dark" : "light";
      document.documentElement.dataset["theme"] = theme;
      localStorage.setItem(KEY, theme);
      document.dispatchEvent(new CustomEvent("synthlab:theme"));
    });
  }
}
