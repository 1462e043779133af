/** The place of each task in the graph: its column is the longest way to it from a task without inputs. */
export interface Node {
  id: string;
  inputs: readonly string[];
}

export interface Place {
  column: number;
  row: number;
}

export function placeNodes(nodes: readonly Node[]): Map<string, Place> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const columns = new Map<string, number>();
  const visiting = new Set<string>();
  const columnOf = (id: string): number => {
    const known = columns.get(id);
    if (known !== undefined) return known;
    // Inputs that run in a circle, or are not there, hold nothing back: somebody has to see them.
    if (visiting.has(id)) return 0;
    visiting.add(id);
    const inputs = (byId.get(id)?.inputs ?? []).filter((each) => byId.has(each) && each !== id);
    const column = inputs.length === 0 ? 0 : Math.max(...inputs.map(columnOf)) + 1;
    visiting.delete(id);
    columns.set(id, column);
    return column;
  };
  const rows = new Map<number, number>();
  return new Map(
    nodes.map(({ id }) => {
      const column = columnOf(id);
      const row = rows.get(column) ?? 0;
      rows.set(column, row + 1);
      return [id, { column, row }];
    }),
  );
}
