// Bounds on waiting.

/** A client waits no longer than this for anything while its gateway comes and goes. */
export const WAIT_MS = 20_000;

/** What `promise` gives, or an error if that takes longer. */
export async function within(limitMs, what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${limitMs} ms: ${what}`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** A client that waits at most `WAIT_MS` for each answer. */
export function bounded(client) {
  return {
    ...client,
    tools: () => within(WAIT_MS, "the list of tools", client.tools()),
    call: (tool, args, signal) =>
      within(WAIT_MS, `the answer to ${tool} ${JSON.stringify(args)}`, client.call(tool, args, signal)),
  };
}
