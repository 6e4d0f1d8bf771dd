import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A repository on the test hub. */
export interface TestRepository {
  /** `owner/name`. */
  readonly name: string;
  readonly commit: string;
  /** Branches and tags that point at the commit. */
  readonly refs: readonly string[];
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Ask for a token. */
  readonly gated?: boolean;
}

/** A hub on the loopback address: the answers that the client of `@huggingface/hub` needs, served by real HTTP. */
export class HubServer {
  /** Paths of all requests so far. */
  readonly requests: string[] = [];
  /** When set, replaces the bytes of this path (same announced size and hash). */
  readonly replaced = new Map<string, Uint8Array>();
  readonly server: Server;

  constructor(repositories: readonly TestRepository[]) {
    this.server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://hub");
      this.requests.push(url.pathname);
      const answer = this.answer(repositories, decodeURIComponent(url.pathname), request.headers);
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private answer(repositories: readonly TestRepository[], path: string, headers: Record<string, unknown>) {
    const repository = repositories.find(
      ({ name }) => path.startsWith(`/${name}/`) || path.startsWith(`/api/models/${name}/`),
    );
    if (repository === undefined) return json(404, { error: "Repository not found" });
    if (repository.gated && headers.authorization !== "Bearer hf_test") return json(401, { error: "Gated" });
    const { name, commit, refs, files } = repository;
    const known = (revision: string) => revision === commit || refs.includes(revision);
    const info = path.match(/^\/api\/models\/[^/]+\/[^/]+\/revision\/(.+)$/);
    if (info) {
      return known(info[1] as string)
        ? json(200, { _id: "1", id: name, sha: commit, lastModified: "2024-01-01T00:00:00Z" })
        : json(404, { error: "Invalid rev id" });
    }
    if (path === `/api/models/${name}/tree/${commit}`) return json(200, Object.entries(files).map(listEntry));
    const [, file = ""] = path.split(`/resolve/${commit}/`);
    const content = files[file];
    return content === undefined
      ? json(404, { error: "Entry not found" })
      : this.fileAnswer(file, bytesOf(content), headers);
  }

  private fileAnswer(file: string, content: Uint8Array, headers: Record<string, unknown>) {
    const sent = this.replaced.get(file) ?? content;
    const etag = `"${sha256(content)}"`;
    const range = /^bytes=(\d+)-(\d+)$/.exec(String(headers.range ?? ""));
    if (range === null) return { status: 200, headers: { ETag: etag, "Content-Length": sent.length }, body: sent };
    const [from, to] = [Number(range[1]), Number(range[2])];
    const part = sent.subarray(from, to + 1);
    return {
      status: 206,
      headers: { ETag: etag, "Content-Range": `bytes ${from}-${to}/${content.length}`, "Content-Length": part.length },
      body: part,
    };
  }
}

function listEntry([path, content]: [string, string | Uint8Array]) {
  const bytes = bytesOf(content);
  const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 130 };
  return {
    type: "file",
    path,
    size: bytes.length,
    oid: "0".repeat(40),
    ...(/\.(safetensors|gguf)$/.test(path) ? { lfs } : {}),
  };
}

function json(status: number, value: unknown) {
  return { status, headers: { "Content-Type": "application/json" }, body: Buffer.from(JSON.stringify(value)) };
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
