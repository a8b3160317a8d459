// Drives `snowgate-shim` with @modelcontextprotocol/sdk 1.x. See `../README.md`.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { Refused } from "./checks.mjs";
import { options } from "./options.mjs";
import { isUrl, LEGACY, PLANS, run } from "./suite.mjs";

const NAME = "snowgate-typescript-1";

async function connect(shim, env) {
  const transport = transportTo(shim, env);
  // The SDK keeps the negotiated version to itself, but tells the transport.
  const told = transport.setProtocolVersion?.bind(transport);
  let protocol;
  transport.setProtocolVersion = (version) => {
    protocol = version;
    told?.(version);
  };
  const client = new Client({ name: NAME, version: "1" });
  const strays = [];
  client.onerror = (error) => strays.push(error.message);
  await client.connect(transport);
  return {
    name: NAME,
    server: client.getServerVersion(),
    instructions: client.getInstructions(),
    protocol,
    pid: transport.pid,
    strays,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, signal) =>
      client.callTool({ name, arguments: args }, undefined, { signal }).catch((error) => {
        throw error instanceof McpError ? new Refused(error.code, error.message) : error;
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
  const url = new URL(shim);
  return url.protocol === "ws:" ? new WebSocketClientTransport(url) : new StreamableHTTPClientTransport(url);
}

await run({ ...options(["default"], PLANS), connect, protocol: LEGACY });
