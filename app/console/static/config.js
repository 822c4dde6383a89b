// @ts-check
// The operator's settings, without which the console could not say true sentences; and the operator's color.

import { accents } from "./accent.js";
import { api } from "./api.js";

/** @type {import("./types.js").Config} */
export const config = /** @type {any} */ ({});

/** Everything else on the page waits for this. */
export async function loadConfig() {
  Object.assign(config, await api.config());
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", paint);
  paint();

  function paint() {
    if (!config.accent_color) return;
    for (const [name, value] of Object.entries(accents(config.accent_color, dark.matches))) {
      document.documentElement.style.setProperty(name, value);
    }
  }
}

/** The operator's logo, from our own origin whatever name the service has besides. */
export function logoPath() {
  return config.logo_url ? new URL(config.logo_url, location.href).pathname : null;
}
