// Drives `snowgate-shim` with @modelcontextprotocol/client 2.x. See `../README.md`.
//
// Modes: `default` opens with `initialize`; `auto` probes with `server/discover` on a throw-away sibling process and
// goes on without a handshake.

import { randomUUID } from "node:crypto";
import { Client, ProtocolError, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Refused } from "./checks.mjs";
import { options } from "./options.mjs";
import { isUrl, LEGACY, MODERN, PLANS, run } from "./suite.mjs";

const NAME = "snowgate-typescript-2";
const chosen = options(["default", "auto"], PLANS);
const negotiations = { default: undefined, auto: { mode: "auto" } };

async function connect(shim, env) {
  const transport = transportTo(shim, env);
  const info = { name: NAME, version: "1" };
  const client = new Client(info, { versionNegotiation: negotiations[chosen.mode] });
  const strays = [];
  client.onerror = (error) => strays.push(error.message);
  await client.connect(transport);
  return {
    name: NAME,
    server: client.getServerVersion(),
    instructions: client.getInstructions(),
    protocol: client.getNegotiatedProtocolVersion(),
    pid: transport.pid,
    strays,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, signal) =>
      client.callTool({ name, arguments: args }, { signal }).catch((error) => {
        throw error instanceof ProtocolError ? new Refused(error.code, error.message) : error;
      }),
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
}

/** To a shim, or to a gateway's URL. */
function transportTo(shim, env) {
  if (!isUrl(shim)) return new StdioClientTransport({ command: shim, args: [], env });
  // Clients of one name that hold no session are one client, unless their users tell them apart.
  const headers = { "Snowgate-Client-Id": randomUUID() };
  return new StreamableHTTPClientTransport(new URL(shim), { requestInit: { headers } });
}

await run({ ...chosen, connect, protocol: chosen.mode === "default" ? LEGACY : MODERN });
