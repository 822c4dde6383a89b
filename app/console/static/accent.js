// @ts-check
// The operator's color made into the colors that the style sheet names, each readable on its ground (WCAG 1.4.3).

const LIGHT = { ground: [255, 255, 255], toward: [0, 0, 0] };
const DARK = { ground: [24, 31, 29], toward: [255, 255, 255] };
const READABLE = 4.5;

/** @param {string} color `#rrggbb` @param {boolean} dark @returns {Record<string, string>} */
export function accents(color, dark) {
  const { ground, toward } = dark ? DARK : LIGHT;
  let accent = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  while (contrast(accent, ground) < READABLE) accent = mixed(accent, toward, 0.1);
  const onAccent = contrast(accent, [255, 255, 255]) >= contrast(accent, [0, 0, 0]) ? "#ffffff" : "#000000";
  let soft = mixed(ground, accent, 0.14);
  while (contrast(accent, soft) < READABLE) soft = mixed(soft, ground, 0.25);
  return {
    "--accent": hex(accent), "--accent-strong": hex(mixed(accent, toward, 0.2)), "--accent-soft": hex(soft),
    "--on-accent": onAccent,
  };
}

/** @param {number[]} one @param {number[]} other */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return ((high ?? 0) + 0.05) / ((low ?? 0) + 0.05);
}

/** @param {number[]} color */
function luminance(color) {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}

/** @param {number[]} color @param {number[]} other @param {number} share of the other */
function mixed(color, other, share) {
  return color.map((part, at) => part + ((other[at] ?? 0) - part) * share);
}

/** @param {number[]} color */
function hex(color) {
  return `#${color.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}
