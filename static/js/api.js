// @ts-check
/**
 * The only door to the server. Every request goes through here: CSRF, ETags, idempotency keys,
 * time limits, repetition and problem+json in one place.
 *
 * @typedef {{
 *   body?: unknown, form?: FormData, ifMatch?: string | number | null, ifNoneMatch?: string | null,
 *   key?: string | null, timeoutMs?: number, tries?: number, keepalive?: boolean,
 *   as?: "json" | "buffer" | "text", cache?: RequestCache
 * }} RequestOptions `cache`: "default" for what never changes; else the browser keeps nothing
 * @typedef {{status: number, data: any, headers: Headers, etag: string | null, url: string}} Reply `url`: where redirects led
 */

import { Problem, problemFrom } from "./errors.js";

const SAFE = new Set(["GET", "HEAD"]);
const FIRST_PAUSE_MS = 400;

/** A random name: an Idempotency-Key, or the id of a shape. Works on plain http too. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The cookie first: after a new login in another tab it is the fresher one. */
export function csrfToken() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  if (cookie) return decodeURIComponent(cookie.slice("csrftoken=".length));
  return document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";
}

/**
 * Sends a request; repeats it after a passing failure when repeating is harmless (a safe method, or
 * one with an Idempotency-Key or a precondition) and `tries` allows.
 *
 * @param {string} method
 * @param {string} url
 * @param {RequestOptions} [options]
 * @returns {Promise<Reply>}
 * @throws {Problem}
 */
export async function request(method, url, options = {}) {
  const repeatable = SAFE.has(method) || Boolean(options.key) || options.ifMatch != null;
  const tries = repeatable ? (options.tries ?? 3) : 1;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(method, url, options);
    } catch (error) {
      if (!(error instanceof Problem) || !error.isPassing || attempt >= tries) throw error;
      await pause((error.retryAfter ?? 0) * 1000 || FIRST_PAUSE_MS * 3 ** (attempt - 1));
    }
  }
}

/**
 * @param {string} method
 * @param {string} url
 * @param {RequestOptions} options
 * @returns {Promise<Reply>}
 */
async function once(method, url, options) {
  const { response, data } = await answered(method, url, options);
  const { status, headers, redirected } = response;
  if (redirected && !url.includes("login") && response.url.includes("login")) {
    throw new Problem({ status: 401, code: "not_authenticated", detail: "Your login has ended." });
  }
  if (response.ok || status === 304) return { status, data, headers, etag: headers.get("ETag"), url: response.url };
  throw problemFrom(status, data, headers);
}

/**
 * One exchange, its body included, within the time limit.
 *
 * @param {string} method
 * @param {string} url
 * @param {RequestOptions} options
 */
async function answered(method, url, options) {
  try {
    const response = await fetch(url, {
      method,
      headers: headersFor(method, options),
      body: options.form ?? (options.body === undefined ? null : JSON.stringify(options.body)),
      credentials: "same-origin",
      cache: options.cache ?? "no-store",
      keepalive: options.keepalive ?? false,
      signal: AbortSignal.timeout(options.timeoutMs ?? 20_000),
    });
    return { response, data: await bodyOf(response, response.ok ? (options.as ?? "json") : "json") };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    const detail = late ? "The server did not answer in time." : "The server could not be reached.";
    throw new Problem({ status: 0, code: late ? "timeout" : "offline", detail });
  }
}

/**
 * For whom this page was made. The cookie may belong to somebody else by now, who has logged in in another tab; what
 * was entered here must not become theirs.
 *
 * @returns {Record<string, string>}
 */
function actingUser() {
  const user = globalThis.document?.body?.dataset.user;
  return user ? { "X-Acting-User": user } : {};
}

/**
 * @param {string} method
 * @param {RequestOptions} options
 * @returns {Record<string, string>}
 */
function headersFor(method, { body, ifMatch, ifNoneMatch, key }) {
  return {
    Accept: "application/json, application/problem+json, */*;q=0.5",
    ...(SAFE.has(method) ? {} : { "X-CSRFToken": csrfToken() }),
    ...actingUser(),
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(ifMatch == null ? {} : { "If-Match": quoted(ifMatch) }),
    ...(ifNoneMatch ? { "If-None-Match": ifNoneMatch } : {}),
    ...(key ? { "Idempotency-Key": key } : {}),
  };
}

/** @param {string | number} etag */
function quoted(etag) {
  const text = String(etag);
  return /^(W\/)?"/.test(text) || text === "*" ? text : `"${text}"`;
}

/**
 * @param {Response} response
 * @param {"json" | "buffer" | "text"} as
 */
async function bodyOf(response, as) {
  if (response.status === 204 || response.status === 304) return null;
  if (as === "buffer") return response.arrayBuffer();
  const text = await response.text();
  if (as === "text") return text;
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
