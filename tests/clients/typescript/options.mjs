// The command line that all programs here share: SHIM GATEWAY CONTRACT [MODE], with SNOWGATE_HOME set.

import { readFileSync } from "node:fs";

/** The arguments, or an error that says what is missing. */
export function options(modes) {
  const [shim, gateway, contract, mode = modes[0]] = process.argv.slice(2);
  if (!contract || !modes.includes(mode) || !process.env.SNOWGATE_HOME) {
    console.error(`Usage: SNOWGATE_HOME=... node ${process.argv[1]} SHIM GATEWAY CONTRACT [${modes.join("|")}]`);
    process.exit(2);
  }
  return { shim, gateway, contract: JSON.parse(readFileSync(contract, "utf8")), mode };
}
