// Bounds on waiting.

/**
 * A client waits no longer than this for anything: far longer than anything takes on a machine that is busy. The tests pass
 * their own bound on.
 */
export const WAIT_MS = 1_000 * Number(process.env.TEST_PATIENCE_SECONDS ?? 60);
/** A whole check is several steps. */
export const CHECK_MS = 3 * WAIT_MS;

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
