// Reads a JSON array of texts from stdin, writes one of their numbers of o200k tokens. Run with the packages' folder as
// the current one: `node -e "$(cat count.js)"`.
const { countTokens } = require("gpt-tokenizer/encoding/o200k_base");
const texts = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => countTokens(text))));
