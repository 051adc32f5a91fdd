// @ts-check
/** Logging in again without leaving the page. */

import { request } from "./api.js";

/**
 * @param {string} url of the login page
 * @param {string} username
 * @param {string} password
 * @returns {Promise<"done" | "second_factor">} `done`: the server answered; whether it let the person in is asked afterwards
 * @throws {import("./errors.js").Problem} offline, or too many tries
 */
export async function logIn(url, username, password) {
  await request("GET", url, { as: "text" }); // brings the cookie that the form must echo
  const form = new FormData();
  form.set("login", username);
  form.set("password", password);
  const reply = await request("POST", url, { form, as: "text" });
  return reply.url.includes("second-factor") ? "second_factor" : "done";
}
