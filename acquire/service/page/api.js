// What is asked of the service; errors in its words.

const BASE = "/api/v1/";
const account = { role: null, name: "", csrf: "" };

export class ApiError extends Error {
  constructor(status, { code = "", message = "", hint = "", where = "", problems = [] }) {
    super(message || `The service answered with status ${status}.`);
    Object.assign(this, { status, code, hint, where, problems });
  }
}

export const whoAmI = () => account;
export const mayOperate = () => account.role === "operator";

let loggedOut = () => {};
export function onLoggedOut(act) {
  loggedOut = act;
}

async function ask(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(method === "GET" ? {} : { "X-CSRF-Token": account.csrf }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError(0, { code: "unreachable", message: "The service does not answer.", hint: "Is acquire serve still running on the bench computer? A run that has begun goes on without it." });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const error = new ApiError(response.status, answer?.error ?? {});
  if (response.status === 401 && path !== "login") {
    account.role = null;
    loggedOut();
  }
  throw error;
}

export const get = (path, query = {}) => {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined).flatMap(([key, value]) => (Array.isArray(value) ? value.map((one) => [key, one]) : [[key, value]])));
  return ask("GET", asked.size ? `${path}?${asked}` : path);
};
export const post = (path, body = {}, headers = {}) => ask("POST", path, body, headers);
export const put = (path, body) => ask("PUT", path, body);
export const remove = (path) => ask("DELETE", path);

export const address = (path) => BASE + path;
// A recipe's name may hold slashes; each part is quoted by itself.
export const recipePath = (name) => `recipes/${name.split("/").map(encodeURIComponent).join("/")}`;

function remember(me) {
  Object.assign(account, me);
  return account;
}

export const me = async () => remember(await get("me"));
export const login = async (token) => remember(await post("login", { token }));
export async function logout() {
  await post("logout");
  account.role = null;
}
