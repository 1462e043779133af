"use strict";

// A stage, a domain's base path or an emulator may stand before our paths: all is found from here.
const base = new URL("..", document.currentScript.src).href.replace(/\/$/, "");

// ScanHub's login may be on another host, which this page may not call: a token can be pasted too.
function acceptPastedToken(description) {
  const text = "Your own token in ScanHub, pasted.";
  description.components.securitySchemes.token = { type: "http", scheme: "bearer", description: text };
  for (const operations of Object.values(description.paths)) {
    for (const { security } of Object.values(operations)) {
      if (security?.some((each) => "oauth2_scheme" in each)) security.push({ token: [] });
    }
  }
}

async function start() {
  const answer = await fetch(`${base}/openapi.json`);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const description = await answer.json();
  description.servers = [{ url: base }];
  acceptPastedToken(description);
  SwaggerUIBundle({
    spec: description,
    dom_id: "#swagger-ui",
    deepLinking: true,
    // Else the page shows the description to a server on the internet.
    validatorUrl: null,
  });
}

start().catch((error) => {
  document.getElementById("swagger-ui").textContent =
    `The description of the API could not be loaded (${error.message}): load the page again.`;
});
