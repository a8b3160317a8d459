// A client that shows MCP Apps (ext-apps, 2026-01-26): a host page with a sandbox proxy of another origin, as the specification has
// web hosts build them, and the pages' frame in that. `relay(name, arguments)` answers the page's tools/call.

export const HOST = "http://host.test", SANDBOX = "http://sandbox.test";

/** The policy that the specification has hosts build of a resource's `_meta.ui.csp`. */
export function policyOf(csp) {
  const of = (domains) => (domains?.length ? ` ${domains.join(" ")}` : "");
  return [
    "default-src 'none'", `script-src 'self' 'unsafe-inline'${of(csp?.resourceDomains)}`, `style-src 'self' 'unsafe-inline'${of(csp?.resourceDomains)}`,
    `connect-src ${csp?.connectDomains?.join(" ") || "'none'"}`, `img-src 'self' data:${of(csp?.resourceDomains)}`, `font-src 'self'${of(csp?.resourceDomains)}`,
    `media-src 'self' data:${of(csp?.resourceDomains)}`, `frame-src ${csp?.frameDomains?.join(" ") || "'self'"}`, "object-src 'none'", `base-uri ${csp?.baseUriDomains?.join(" ") || "'self'"}`,
  ].join("; ");
}

const HOST_PAGE = `<!doctype html><title>host</title><style>body{margin:0}iframe{border:0;width:100%;height:600px}</style><div id="place"></div><script>
let proxy, waiting, context = {}, capabilities = {};
window.log = [];
const send = (message) => proxy.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "${SANDBOX}");
window.notify = (method, params) => send({ method, params });
window.ask = (id, method) => send({ id, method, params: {} });
window.open_app = (html, sandbox, hostContext, hostCapabilities) => new Promise((opened) => {
  context = hostContext; capabilities = hostCapabilities; window.log = []; waiting = opened;
  proxy = document.createElement("iframe");
  proxy.src = "${SANDBOX}/proxy";
  proxy.sandbox = "allow-scripts allow-same-origin";
  document.getElementById("place").replaceChildren(proxy);
  window.deliver = () => send({ method: "ui/notifications/sandbox-resource-ready", params: { html, sandbox } });
});
addEventListener("message", async (event) => {
  if (event.source !== proxy?.contentWindow || event.origin !== "${SANDBOX}") return;
  const message = event.data;
  window.log.push(message);
  if (message.method === "ui/notifications/sandbox-proxy-ready") return window.deliver();
  if (message.method === "ui/initialize") return send({ id: message.id, result: { protocolVersion: "2026-01-26", hostInfo: { name: "test-host", version: "1" }, hostCapabilities: capabilities, hostContext: context } });
  if (message.method === "ui/notifications/initialized") return waiting();
  if (message.method === "ui/notifications/size-changed") return proxy.style.height = message.params.height + "px";
  if (message.method === "ui/request-display-mode") return send({ id: message.id, result: { mode: message.params.mode } });
  if (message.method === "tools/call") {
    const answer = await window.relay(message.params.name, message.params.arguments);
    return send({ id: message.id, ...answer });
  }
  if (message.id !== undefined && message.method) send({ id: message.id, error: { code: -32601, message: "Method not found" } });
});
</script>`;

const PROXY_PAGE = `<!doctype html><style>html,body{margin:0;height:100%}iframe{border:0;width:100%;height:100%;display:block}</style><script>
let view;
addEventListener("message", (event) => {
  if (event.source === window.parent) {
    if (event.data.method === "ui/notifications/sandbox-resource-ready") {
      view = document.createElement("iframe");
      view.sandbox = event.data.params.sandbox;
      view.srcdoc = event.data.params.html;
      return document.body.append(view);
    }
    view.contentWindow.postMessage(event.data, "*");
  } else if (event.source === view?.contentWindow && !String(event.data?.method).startsWith("ui/notifications/sandbox-")) window.parent.postMessage(event.data, "*");
});
addEventListener("load", () => window.parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} }, "*"));
</script>`;

/** Opens the host in `context` (of playwright); `relay` returns what a tool's call is answered with: `{ result }` or `{ error }`. */
export async function openHost(context, csp, relay) {
  const faults = [], foreign = [];
  await context.route("**/*", (route) => {
    const url = route.request().url();
    const pages = { [`${HOST}/`]: [HOST_PAGE, {}], [`${SANDBOX}/proxy`]: [PROXY_PAGE, { "content-security-policy": policyOf(csp) }] };
    if (!pages[url]) { foreign.push(url); return route.abort(); }
    const [body, headers] = pages[url];
    return route.fulfill({ status: 200, contentType: "text/html; charset=utf-8", headers, body });
  });
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") faults.push(message.text()); });
  page.on("dialog", (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("popup", (popup) => faults.push(`a window: ${popup.url()}`));
  await page.exposeFunction("relay", relay);
  await page.goto(`${HOST}/`);
  return {
    page, faults, foreign,
    view: page.frameLocator("iframe").frameLocator("iframe"),
    frame: () => page.frames().find((frame) => frame.parentFrame()?.parentFrame()),
    open: (html, { sandbox = "allow-scripts", context = {}, capabilities = { serverTools: {} } } = {}) =>
      page.evaluate(([html, sandbox, context, capabilities]) => window.open_app(html, sandbox, context, capabilities), [html, sandbox, context, capabilities]),
    notify: (method, params) => page.evaluate(([method, params]) => window.notify(method, params), [method, params]),
    ask: (id, method) => page.evaluate(([id, method]) => window.ask(id, method), [id, method]),
    log: () => page.evaluate(() => window.log),
  };
}
