import { beforeEach, expect, test } from "vitest";
import { encodeCrc, type HashBlob, makeHasher } from "./crc";
import { findPart, type UploadView } from "./plan";
import { type Answer, type Ports, Sender, type UploadError } from "./sender";

const PART = 10;
const SIZE = 95;
const FILE = new Blob([Uint8Array.from({ length: SIZE }, (_, i) => i)]);
const OK = { status: 200, code: "" };

/** S3 and the API, of which each answer may be another. */
class Server {
  held = new Map<number, Blob>();
  generation = 1;
  puts: number[] = [];
  looks: number[] = [];
  atOnce = 0;
  mostAtOnce = 0;
  window = 3;
  answer: (number: number, nth: number) => Answer | null = () => null;
  #hash: HashBlob = () => Promise.resolve(0n);

  async open(): Promise<void> {
    this.#hash = await makeHasher();
  }

  async view(from_part: number): Promise<UploadView> {
    const plan = { size_bytes: SIZE, part_size_bytes: PART, n_parts: 10 };
    const present = [];
    for (const [part_number, blob] of this.held) {
      const crc64nvme = encodeCrc(await this.#hash(blob, () => undefined, new AbortController().signal));
      present.push({ part_number, etag: `"${part_number}"`, size_bytes: blob.size, crc64nvme });
    }
    const missing = Array.from({ length: 10 }, (_, i) => i + 1).filter((n) => n >= from_part && this.held.get(n)?.size !== findPart(plan, n).size_bytes);
    const parts = missing.slice(0, this.window).map((part_number) => ({ part_number, size_bytes: PART, url: `${part_number}/${this.generation}` }));
    return { upload_id: "u", state: "CREATED", dag_id: "d", task_id: null, file_name: "f", expires_at: "", ...plan, present, parts };
  }

  ports(hashers: readonly HashBlob[]): Ports {
    return {
      hashers,
      put: async (url, blob, onProgress, signal) => {
        this.atOnce += 1;
        this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
        await Promise.resolve();
        this.atOnce -= 1;
        signal.throwIfAborted();
        const [number = 0, generation = 0] = url.split("/").map(Number);
        this.puts.push(number);
        onProgress(blob.size);
        const answer = this.answer(number, this.puts.filter((each) => each === number).length);
        if (answer) return answer;
        if (generation < this.generation) return { status: 403, code: "AccessDenied" };
        this.held.set(number, blob);
        return OK;
      },
      look: (from_part) => {
        this.looks.push(from_part);
        return this.view(from_part);
      },
      wait: (_, signal) => Promise.resolve(signal.throwIfAborted()),
      tell: (phase, bytes, of_bytes) => told.push(`${phase} ${bytes}/${of_bytes}`),
    };
  }
}

let server: Server;
let told: string[];
let hashers: HashBlob[];

beforeEach(async () => {
  server = new Server();
  told = [];
  hashers = await Promise.all([1, 2, 3].map(makeHasher));
  await server.open();
});

async function send(file: Blob = FILE): Promise<string> {
  const sender = new Sender(file, await server.view(1), server.ports(hashers));
  const sent = await sender.run(new AbortController().signal);
  expect(sent.parts.map((part) => part.etag)).toEqual(sent.parts.map((part) => `"${part.part_number}"`));
  return sent.crc64nvme;
}

const whole = async (): Promise<string> => encodeCrc(await (hashers[0] as HashBlob)(FILE, () => undefined, new AbortController().signal));
const why = (sending: Promise<unknown>): Promise<unknown> => sending.then(() => "sent", (error: unknown) => (error as UploadError).why);

test("all parts are sent once, a bounded number at once, by windows of URLs", async () => {
  expect(await send()).toBe(await whole());
  expect(server.puts.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(server.mostAtOnce).toBeLessThanOrEqual(3);
  expect(server.looks.length).toBeLessThan(7);
  expect(told.at(-1)).toBe(`sending ${SIZE}/${SIZE}`);
});

test("what has arrived is compared and not sent again", async () => {
  for (const number of [2, 3, 10]) server.held.set(number, FILE.slice(10 * (number - 1), 10 * number));
  expect(await send()).toBe(await whole());
  expect(server.puts).not.toContain(2);
  expect(told.filter((each) => each.startsWith("checking")).at(-1)).toBe("checking 25/25");
});

test("another file of the same size is refused before anything is sent", async () => {
  server.held.set(7, FILE.slice(60, 70));
  const bytes = new Uint8Array(await FILE.arrayBuffer());
  bytes[65] = 0;
  expect(await why(send(new Blob([bytes])))).toBe("other");
  expect(server.puts).toEqual([]);
});

test("a part that arrived in another size is sent again", async () => {
  server.held.set(4, FILE.slice(0, 3));
  expect(await send()).toBe(await whole());
  expect(server.puts).toContain(4);
});

test("URLs that are too old are signed again, once for all parts under way", async () => {
  server.window = 10;
  const view = await server.view(1);
  server.generation = 2;
  await new Sender(FILE, view, server.ports(hashers)).run(new AbortController().signal);
  expect(server.held.size).toBe(10);
  expect(server.looks.length).toBeLessThan(4);
});

test.each([0, 408, 429, 500, 503])("a part that fails passingly (%i) is sent again", async (status) => {
  server.answer = (number, nth) => (number === 5 && nth < 4 ? { status, code: "" } : null);
  expect(await send()).toBe(await whole());
});

test.each([
  [0, "interrupted", 6],
  [503, "interrupted", 6],
  [403, "refused", 6],
  [404, "closed", 1],
  [412, "refused", 1],
])("a part that fails for good (%i) ends the upload: %s, after %i attempts", async (status, expected, n) => {
  server.answer = (number) => (number === 5 ? { status, code: "" } : null);
  expect(await why(send())).toBe(expected);
  expect(server.puts.filter((number) => number === 5)).toHaveLength(n);
});

test("a part whose answer was lost is found and not sent again", async () => {
  server.answer = (number, nth) => {
    if (number !== 5 || nth > 2) return null;
    server.held.set(5, FILE.slice(40, 50));
    return { status: 0, code: "" };
  };
  expect(await send()).toBe(await whole());
  expect(server.puts.filter((number) => number === 5)).toHaveLength(2);
});

test("a file that changes between reading and sending does not become an object", async () => {
  server.answer = (number) => {
    if (number !== 5) return null;
    server.held.set(5, new Blob([new Uint8Array(PART)]));
    return OK;
  };
  expect(await why(send())).toBe("other");
});

test("a part that S3 does not keep is sent again, but not for ever", async () => {
  server.answer = (number, nth) => (number === 5 && nth === 1 ? OK : null);
  expect(await send()).toBe(await whole());
  server.held.clear();
  server.answer = (number) => (number === 5 ? OK : null);
  expect(await why(send())).toBe("refused");
});

test("a file that cannot be read any more is told as such", async () => {
  hashers = hashers.map(() => () => Promise.reject(new DOMException("", "NotReadableError")));
  expect(await why(send())).toBe("changed");
});

test("an upload that was given up elsewhere is over", async () => {
  const ports = server.ports(hashers);
  const look = async (from_part: number): Promise<UploadView> => ({ ...(await server.view(from_part)), state: "ABORTED" });
  const sender = new Sender(FILE, await server.view(1), { ...ports, look });
  expect(await why(sender.run(new AbortController().signal))).toBe("closed");
});

test("after a pause it goes on where it was, also while it waits for a login", async () => {
  const pause = new AbortController();
  const ports = server.ports(hashers);
  let logIn = (): void => undefined;
  const loggedIn = new Promise<void>((resolve) => (logIn = resolve));
  const look = async (from_part: number): Promise<UploadView> => {
    pause.abort();
    await loggedIn;
    return ports.look(from_part);
  };
  const sender = new Sender(FILE, await server.view(1), { ...ports, look });
  await expect(sender.run(pause.signal)).rejects.toThrow();
  const nBefore = server.puts.length;
  const going = sender.run(new AbortController().signal);
  logIn();
  expect((await going).crc64nvme).toBe(await whole());
  expect(nBefore).toBe(3);
  expect(server.puts).toHaveLength(10);
});
