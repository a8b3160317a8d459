// Holds the schemas of a tool list against ajv in strict mode, which refuses what it does not know: a format, a type
// that is a list, a keyword. Usage: schemas.mjs TOOLS.json
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

let failed = 0;
for (const tool of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  for (const kind of ["inputSchema", "outputSchema"]) {
    if (!tool[kind]) continue;
    const said = [];
    const logger = { log: () => {}, warn: (line) => said.push(line), error: (line) => said.push(line) };
    try {
      new Ajv2020({ strict: true, allErrors: true, logger }).compile(tool[kind]);
    } catch (error) {
      said.push(error.message);
    }
    failed += said.length > 0;
    console.log(`${said.length > 0 ? "not ok" : "ok"} - ajv: ${tool.name} ${kind} ${said.join("; ")}`);
  }
}
process.exitCode = failed ? 1 : 0;
