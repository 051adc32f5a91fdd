// @ts-check
/**
 * The endpoints of the reading page.
 *
 * @typedef {import("./model/types.js").Claim} Claim
 * @typedef {import("./model/types.js").Raster} Raster
 * @typedef {import("./model/types.js").Read} Read
 * @typedef {import("./model/types.js").Rev} Rev
 * @typedef {import("./state/journal.js").Entry} Entry
 */

import { newKey, request } from "./api.js";
import { readRaster } from "./model/raster.js";

/** Browsers give all requests that outlive a page 64 KiB together; the reads given back need some of it. */
const LEAVING_BYTES = 60_000;
/** As many as the server takes at once. */
const LEAVING_ENTRIES = 100;

export class ReadsApi {
  /** @param {{claim: string, reads?: string, me?: string}} urls */
  constructor({ claim, reads = "/api/v1/reads", me = "/api/v1/me" }) {
    this.claimUrl = claim;
    this.base = reads.replace(/\/$/, "");
    this.meUrl = me;
  }

  /**
   * @param {number} count how many reads to hold in all, 1 to 3
   * @returns {Promise<Claim>}
   */
  async claim(count) {
    const { data } = await request("POST", this.claimUrl, { body: { count }, key: newKey() });
    const reads = data.reads ?? (data.read ? [data.read] : []);
    return { reads, reason: data.reason ?? null, until: data.until ?? null };
  }

  /**
   * @param {Read} read
   * @returns {Promise<Raster>}
   */
  async pixels(read) {
    const { data, headers } = await request("GET", read.pixels_url, { as: "buffer", timeoutMs: 30_000 });
    return readRaster(data, headers);
  }

  /**
   * Sends one entry of the journal, once: the outbox does the repeating.
   *
   * @param {Entry} entry
   * @param {Rev} rev
   */
  async send(entry, rev) {
    const method = entry.kind === "draft" ? "PUT" : "POST";
    const options = { body: entry.body, ifMatch: rev, key: entry.key, tries: 1 };
    const { data } = await request(method, `${this.base}/${entry.read}/${entry.kind}`, options);
    return data ?? {};
  }

  /**
   * Sends entries while the page goes away, in one request that outlives it: they are taken in their order. What does not
   * fit stays in the journal.
   *
   * @param {{entry: Entry, rev: Rev}[]} said
   */
  async leave(said) {
    const entries = said.slice(0, LEAVING_ENTRIES).map(({ entry: { read, kind, key, body }, rev }) => ({ read, kind, rev: Number(rev), key, body }));
    while (new Blob([JSON.stringify(entries)]).size > LEAVING_BYTES) entries.pop();
    if (entries.length === 0) return;
    await request("POST", `${this.base}/leaving`, { body: { entries }, tries: 1, keepalive: true });
  }

  /**
   * @param {string} read
   * @returns {Promise<string | null>} until when the lease now runs
   */
  async renew(read) {
    const { data } = await request("POST", `${this.base}/${read}/renew`, { body: {}, tries: 1 });
    return data?.lease_until ?? null;
  }

  /**
   * Gives a read back while the page goes away: the request outlives it. The lease is named, since a page that is loaded
   * again may hold a newer one by the time this arrives.
   *
   * @param {Read} read
   */
  async release({ id, lease_until }) {
    await request("POST", `${this.base}/${id}/release`, { body: lease_until ? { lease_until } : {}, tries: 1, keepalive: true });
  }

  /**
   * @param {string} id
   * @returns {Promise<Read>} a read in hand, as it stands
   */
  async read(id) {
    const { data } = await request("GET", `${this.base}/${id}`);
    return data;
  }

  /**
   * @param {string} study
   * @param {string | null} page the address of the next page, as the page before told it
   * @returns {Promise<{results: import("./model/types.js").OwnAnswer[], next: string | null}>} newest first
   */
  async answers(study, page) {
    const { data } = await request("GET", page ?? `${this.base}?study=${study}&page_size=12`);
    return data;
  }

  /**
   * @param {string} read an answered one
   * @returns {Promise<Read>} the new one, in hand
   */
  async reopen(read) {
    const { data } = await request("POST", `${this.base}/${read}/reopen`, { body: {}, key: newKey() });
    return data;
  }

  /** @returns {Promise<string | null>} the id of the person who is logged in now */
  async whoami() {
    const { data } = await request("GET", this.meUrl, { tries: 1 });
    return data?.id === undefined ? null : String(data.id);
  }
}
