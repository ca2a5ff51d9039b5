// The same wish is carried out once, however often it is sent: until an answer came, it has the same key.
const open = new Map(); // what is wished -> its key

// Random beyond guessing, also where the page is not served from a secure origin.
const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// `header` to be sent with the request; `done()` once it was carried out: the next one like it is another wish.
export function wishKey(path, body) {
  const wish = JSON.stringify([path, body]);
  if (!open.has(wish)) open.set(wish, random());
  return { header: { "Idempotency-Key": open.get(wish) }, done: () => open.delete(wish) };
}
