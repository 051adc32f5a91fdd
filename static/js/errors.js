// @ts-check
/**
 * What can go wrong between the page and the server, and the sentence a person can act on. Pure.
 *
 * @typedef {{title: string, detail: string, action: string, requestId: string | null}} Explanation
 */

const LOGIN_CODES = new Set(["not_authenticated", "authentication_failed", "csrf_failed", "session_expired"]);
const PASSING_STATUS = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

/** A refusal, as problem+json or as near to it as the server came; status 0 when nothing answered. */
export class Problem extends Error {
  /**
   * @param {{
   *   status: number, code?: string, title?: string, detail?: string, requestId?: string | null,
   *   retryAfter?: number | null, extra?: Record<string, unknown>
   * }} parts
   */
  constructor({ status, code = `http_${status}`, title = "", detail = "", requestId = null, retryAfter = null, extra = {} }) {
    super(detail || title || `The server answered with status ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.title = title;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.extra = extra;
  }

  /** Nothing answered: the line, the server or the time ran out. */
  get isOffline() {
    return this.status === 0;
  }

  /** The same request may well succeed later. */
  get isPassing() {
    // The same answer is being taken at this moment (sent before a reload, and again after it): ask again, do not give up.
    return PASSING_STATUS.has(this.status) || this.code === "idempotency_in_flight";
  }

  get needsLogin() {
    return this.status === 401 || LOGIN_CODES.has(this.code);
  }

  /** @returns {Record<string, string[]>} messages by field, where the server named fields */
  get fieldErrors() {
    const { errors } = this.extra;
    if (errors === null || typeof errors !== "object") return {};
    if (Array.isArray(errors)) return listedErrors(errors);
    return Object.fromEntries(Object.entries(errors).map(([field, texts]) => [field, [texts].flat().map(String)]));
  }
}

/**
 * @param {unknown[]} errors each {field or pointer, detail}
 * @returns {Record<string, string[]>}
 */
function listedErrors(errors) {
  /** @type {Record<string, string[]>} */
  const byField = {};
  for (const error of errors) {
    if (error === null || typeof error !== "object") continue;
    const { field, pointer, detail } = /** @type {Record<string, unknown>} */ (error);
    const name = String(field ?? pointer ?? "").replace(/^#?\//, "").replaceAll("/", ".");
    (byField[name] ??= []).push(String(detail ?? ""));
  }
  return byField;
}

/**
 * @param {number} status
 * @param {unknown} body parsed JSON, or null
 * @param {{get(name: string): string | null}} headers
 */
export function problemFrom(status, body, headers) {
  const parts = body !== null && typeof body === "object" ? /** @type {Record<string, unknown>} */ (body) : {};
  const { code, title, detail, request_id, ...extra } = parts;
  const wait = Number(headers.get("Retry-After"));
  return new Problem({
    status,
    ...(typeof code === "string" ? { code } : {}),
    title: typeof title === "string" ? title : "",
    detail: typeof detail === "string" ? detail : "",
    requestId: typeof request_id === "string" ? request_id : headers.get("X-Request-ID"),
    retryAfter: Number.isFinite(wait) && wait > 0 ? wait : null,
    extra,
  });
}

/** @type {[(problem: Problem) => boolean, string, string][]} first match wins */
const ADVICE = [
  [(p) => p.isOffline, "No connection to the server", "Check the network. This page tries again by itself."],
  [(p) => p.needsLogin, "Your login has ended", "Log in again; what you entered is still here."],
  [(p) => p.code === "wrong_password", "Wrong password", "Type it again; what else you entered is still here."],
  [(p) => p.status === 403, "Not allowed", "Ask the owner of the data set or the study's manager for this right."],
  [(p) => p.status === 404, "Not found", "It may have been removed, or it is not yours. Go back and reload the list."],
  [(p) => p.status === 409, "It has changed in the meantime", "Reload the page to see how it stands."],
  [(p) => p.status === 412, "Someone changed this first", "Reload to see the newer version, then decide again."],
  [(p) => p.status === 413, "Too large", "Send less at once."],
  [(p) => p.status === 422 || p.status === 400, "Please check the input", "Correct what is named above and send it again."],
  [(p) => p.status === 429, "Too many requests", "Wait a moment, then try again."],
  [(p) => p.status === 503, "The server is busy", "Try again in a moment."],
  [(p) => p.status >= 500, "The server failed", "Nothing was half done. Try again; if it stays, pass on the reference."],
];

/**
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explain(error) {
  if (!(error instanceof Problem)) {
    const detail = error instanceof Error ? error.message : String(error);
    return { title: "Something went wrong on this page", detail, action: "Reload the page.", requestId: null };
  }
  const [, title, action] = ADVICE.find(([applies]) => applies(error)) ?? [null, "Request refused", ""];
  return { title: error.title || title, detail: error.message, action, requestId: error.requestId };
}
