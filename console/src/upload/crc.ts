/** CRC-64/NVME, which S3 compares, of a file that is read in pieces and out of order. */
import { createCRC64 } from "hash-wasm";

// https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme, reflected.
const POLYNOMIAL = 0x9a6c9329ac4bc9b5n;
const ONE = 1n << 63n;
// Memory does not depend on the size of a part.
const CHUNK_BYTES = 2 ** 20;

export type HashBlob = (blob: Blob, onChunk: (n_bytes: number) => void, signal: AbortSignal) => Promise<bigint>;

/** A hasher for one blob at a time. */
export async function makeHasher(): Promise<HashBlob> {
  const hasher = await createCRC64(POLYNOMIAL.toString(16));
  return async (blob, onChunk, signal) => {
    hasher.init();
    for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
      const chunk = new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
      signal.throwIfAborted();
      hasher.update(chunk);
      onChunk(chunk.length);
    }
    return BigInt(`0x${hasher.digest("hex")}`);
  };
}

/** The product of two polynomials modulo ours; bit 63 is x^0. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let bit = ONE; bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= b;
    b = b & 1n ? (b >> 1n) ^ POLYNOMIAL : b >> 1n;
  }
  return product;
}

/** x^(8 n): what n more bytes do to the CRC before them. */
function shiftBy(n_bytes: number): bigint {
  let power = ONE;
  let square = ONE >> 8n;
  for (let left = n_bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

/** The CRC of a whole of its parts' in order, without reading it again. */
export function combineCrcs(parts: readonly { crc: bigint; size_bytes: number }[]): bigint {
  const shifts = new Map<number, bigint>();
  let whole = 0n;
  for (const { crc, size_bytes } of parts) {
    const shift = shifts.get(size_bytes) ?? shiftBy(size_bytes);
    shifts.set(size_bytes, shift);
    whole = multiply(shift, whole) ^ crc;
  }
  return whole;
}

/** A CRC as S3 writes it: eight bytes, big-endian, base64. */
export function encodeCrc(crc: bigint): string {
  const bytes = Array.from({ length: 8 }, (_, index) => Number((crc >> BigInt(8 * (7 - index))) & 0xffn));
  return btoa(String.fromCharCode(...bytes));
}
