// Drives `snowgate-shim` with @modelcontextprotocol/sdk 1.x. See `../README.md`.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { Refused } from "./checks.mjs";
import { options } from "./options.mjs";
import { LEGACY, PLANS, run } from "./suite.mjs";

const NAME = "snowgate-typescript-1";

async function connect(shim, env) {
  const transport = new StdioClientTransport({ command: shim, args: [], env });
  // The SDK keeps the negotiated version to itself, but tells the transport.
  transport.setProtocolVersion = (version) => (transport.protocolVersion = version);
  const client = new Client({ name: NAME, version: "1" });
  const strays = [];
  client.onerror = (error) => strays.push(error.message);
  await client.connect(transport);
  return {
    name: NAME,
    server: client.getServerVersion(),
    instructions: client.getInstructions(),
    protocol: transport.protocolVersion,
    pid: transport.pid,
    strays,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, signal) =>
      client.callTool({ name, arguments: args }, undefined, { signal }).catch((error) => {
        throw error instanceof McpError ? new Refused(error.code, error.message) : error;
      }),
    close: () => client.close(),
  };
}

await run({ ...options(["default"], PLANS), connect, protocol: LEGACY });
