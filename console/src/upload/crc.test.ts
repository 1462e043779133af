import { expect, test } from "vitest";
import { combineCrcs, encodeCrc, makeHasher } from "./crc";

// Of awscrt.checksums.crc64nvme, as S3 writes it; the first is the catalogue's check value.
const KNOWN: [bytes: Uint8Array<ArrayBuffer>, crc: string][] = [
  [new TextEncoder().encode("123456789"), "rosUhgp5mIg="],
  [new Uint8Array(0), "AAAAAAAAAAA="],
  [new Uint8Array(1), "1dpQR+/shyg="],
  [Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251), "4H2n8oNNAVM="],
];

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<bigint> {
  return (await makeHasher())(new Blob([bytes]), () => undefined, new AbortController().signal);
}

test.each(KNOWN)("the CRC is that of AWS's own library (%#)", async (bytes, crc) => {
  expect(encodeCrc(await hash(bytes))).toBe(crc);
});

test.each([1, 7, 65_536, 299_999, 300_000])("parts of %i bytes have the CRC of the whole", async (part_size_bytes) => {
  const whole = KNOWN[3]?.[0].subarray(0, part_size_bytes === 1 ? 100 : undefined) ?? new Uint8Array();
  const parts = [];
  for (let at = 0; at < whole.length; at += part_size_bytes) {
    const part = whole.slice(at, at + part_size_bytes);
    parts.push({ crc: await hash(part), size_bytes: part.length });
    if (parts.length > 99 && part_size_bytes === 7) break;
  }
  const size_bytes = parts.reduce((sum, part) => sum + part.size_bytes, 0);
  expect(combineCrcs(parts)).toBe(await hash(whole.slice(0, size_bytes)));
});

test("a part of 5 GB is combined without being read", () => {
  // CRC(A B) depends on B's length, which is more than 32 bits here; twice one B is once two of them.
  const size_bytes = 5_000_000_000;
  const [a, b, c] = [1n, 2n, 3n].map((crc) => ({ crc: crc << 40n, size_bytes }));
  if (!a || !b || !c) throw new Error();
  const both = { crc: combineCrcs([b, c]), size_bytes: 2 * size_bytes };
  expect(combineCrcs([a, both])).toBe(combineCrcs([a, b, c]));
});
