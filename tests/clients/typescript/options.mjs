// The command line that all programs here share: SHIM GATEWAY CONTRACT [MODE [PLAN]], with SNOWGATE_HOME set.

import { readFileSync } from "node:fs";

/** The arguments, or an error that says what is missing. The first mode and plan are the defaults. */
export function options(modes, plans = ["checks"]) {
  const [shim, gateway, contract, mode = modes[0], plan = plans[0]] = process.argv.slice(2);
  if (!contract || !modes.includes(mode) || !plans.includes(plan) || !process.env.SNOWGATE_HOME) {
    const choices = [modes, plans].map((choice) => `[${choice.join("|")}]`).join(" ");
    console.error(`Usage: SNOWGATE_HOME=... node ${process.argv[1]} SHIM GATEWAY CONTRACT ${choices}`);
    process.exit(2);
  }
  return { shim, gateway, contract: JSON.parse(readFileSync(contract, "utf8")), mode, plan };
}
