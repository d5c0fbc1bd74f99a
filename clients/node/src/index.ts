import { randomUUID } from "node:crypto";
import createClient, { type Client } from "openapi-fetch";
import { Webhook } from "standardwebhooks";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];

export const API_VERSION = "2026-11-01";

/** The API said no. `code` is in docs/errors.md, `param` names what was wrong with it, `requestId` is what support asks for. */
export class ApiError extends Error {
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
  readonly requestId: string;

  constructor({ error }: Schemas["ErrorOut"]) {
    super(error.message);
    this.name = "ApiError";
    this.type = error.type;
    this.code = error.code;
    this.param = error.param ?? null;
    this.requestId = error.request_id;
  }
}

/**
 * A client whose calls resolve to `{ data }` and throw ApiError. Every POST gets an Idempotency-Key of its own; to repeat one after a lost
 * answer, give both tries the same: `headers: { "Idempotency-Key": key }`.
 */
export function connect(apiKey: string, baseUrl: string): Client<paths> {
  const client = createClient<paths>({
    baseUrl,
    headers: { Authorization: `Bearer ${apiKey}`, "Ballast-Version": API_VERSION },
  });
  client.use({
    onRequest({ request }) {
      if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
        request.headers.set("Idempotency-Key", randomUUID());
      }
      return request;
    },
    async onResponse({ response }) {
      if (!response.ok) throw new ApiError((await response.json()) as Schemas["ErrorOut"]);
      return response;
    },
  });
  return client;
}

/** The event in a delivery; `body` as it arrived, unparsed. Throws when it was not signed by us, or more than five minutes ago. */
export function verify(secret: string, headers: Record<string, string>, body: string | Buffer): unknown {
  return new Webhook(secret).verify(body, headers);
}
