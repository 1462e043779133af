/** Where images lie in the patient, in mm towards left, posterior and head (DICOM PS3.3 C.7.6.2.1.1). */
export type Vector = readonly [number, number, number];

export interface Place {
  series: string;
  number: number | null;
  /** Of the centre of the first pixel. */
  position_mm: Vector | null;
  /** Of a row and of a column, unit vectors. */
  directions: readonly [Vector, Vector] | null;
}

const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vector, b: Vector): Vector => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Whether they are two unit vectors at right angles. */
export function isDirections([row, column]: readonly [Vector, Vector]): boolean {
  return Math.abs(dot(row, row) - 1) < 0.01 && Math.abs(dot(column, column) - 1) < 0.01 && Math.abs(dot(row, column)) < 0.01;
}

/** The letters of a direction, its largest part first. */
export function nameDirection(direction: Vector): string {
  const names = ["RL", "AP", "FH"];
  return direction
    .map((part, axis) => ({ size: Math.abs(part), letter: names[axis]?.[part > 0 ? 1 : 0] ?? "" }))
    .filter(({ size }) => size > 0.1)
    .sort((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join("");
}

export interface Marks {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

/** What stands at the edges of an image: where they are in the patient. */
export function findMarks({ directions }: Place): Marks | null {
  if (!directions) return null;
  const [row, column] = directions;
  const back = ([x, y, z]: Vector): Vector => [-x, -y, -z];
  return { left: nameDirection(back(row)), right: nameDirection(row), top: nameDirection(back(column)), bottom: nameDirection(column) };
}

export type Order = "place" | "number" | "name";

interface Ordered<T> {
  by: Order;
  items: T[];
}

const SAME_PLACE_MM = 0.01;

/** Order images along their normal, one stack and one volume after another; else by number, else as they are. */
export function orderImages<T extends { place: Place | null }>(items: readonly T[]): Ordered<T> {
  const numberOf = (item: T): number | null => item.place?.number ?? null;
  const byNumber = [...items].sort((a, b) => (numberOf(a) ?? 0) - (numberOf(b) ?? 0));
  if (items.some((item) => numberOf(item) === null)) byNumber.splice(0, items.length, ...items);
  const stacks = new Map<string, { item: T; depth_mm: number }[]>();
  for (const item of byNumber) {
    const { place } = item;
    if (!place?.position_mm || !place.directions) {
      const hasNumbers = items.every((each) => numberOf(each) !== null);
      return { by: hasNumbers ? "number" : "name", items: byNumber };
    }
    const normal = cross(...place.directions);
    // Directions that differ by rounding are the same.
    const name = `${place.series} ${place.directions.flat().map((part) => (Math.round(part * 100) / 100 + 0).toFixed(2))}`;
    const stack = stacks.get(name) ?? [];
    stacks.set(name, [...stack, { item, depth_mm: dot(normal, place.position_mm) }]);
  }
  return { by: "place", items: [...stacks.values()].flatMap(orderStack) };
}

/** Several images at one place are those of several volumes: each volume is ordered by itself. */
function orderStack<T>(stack: readonly { item: T; depth_mm: number }[]): T[] {
  const sorted = [...stack].sort((a, b) => a.depth_mm - b.depth_mm);
  let volume = 0;
  let before_mm = -Infinity;
  return sorted
    .map(({ item, depth_mm }) => {
      volume = depth_mm - before_mm < SAME_PLACE_MM ? volume + 1 : 0;
      if (volume === 0) before_mm = depth_mm;
      return { item, depth_mm, volume };
    })
    .sort((a, b) => a.volume - b.volume)
    .map(({ item }) => item);
}
