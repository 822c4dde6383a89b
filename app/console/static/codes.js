// @ts-check
// What somebody typed or pasted where a code is asked for.

/**
 * The characters that count, without the white space, dashes and zero-width characters around them.
 * @param {string} text
 */
export function plainCode(text) {
  return text.normalize("NFKC").replace(/[\s\p{Pd}\p{Cf},.;]/gu, "");
}

/** @param {string} text */
export const isAppCode = (text) => /^[0-9]{6}$/.test(plainCode(text));
/** @param {string} text */
export const isRecoveryCode = (text) => /^[A-Z2-7]{24}$/i.test(plainCode(text));
