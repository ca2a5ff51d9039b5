// Rows of a table made ready to be drawn: no page, no network, no clock.

// What belongs together on a curve: one branch of one cycle.
export function curvesOf(columns) {
  const branch = columns.branch ?? [];
  const cycle = columns.cycle ?? [];
  const curves = new Map();
  branch.forEach((name, row) => {
    if (name === "after") return; // set once more for a spectrum when the sweep was over: no part of the curve
    const key = `${cycle[row] ?? 0}/${name}`;
    if (!curves.has(key)) curves.set(key, { branch: name, cycle: cycle[row] ?? 0, rows: [] });
    curves.get(key).rows.push(row);
  });
  return [...curves.values()];
}

// One rising x for all curves, and a y for each: uPlot's data. What a curve lacks at an x is undefined (bridged),
// what was measured and cannot be shown is null (a gap).
export function aligned(curves, x, ys, { logX = false, logY = [] } = {}) {
  const shown = (value, log) => Number.isFinite(value) && (!log || value > 0);
  const at = new Map();
  curves.forEach((curve, index) => {
    for (const row of curve.rows) {
      const value = x[row];
      if (!shown(value, logX)) continue;
      if (!at.has(value)) at.set(value, new Map());
      at.get(value).set(index, row); // read twice at one level: the later one
    }
  });
  const xs = [...at.keys()].sort((a, b) => a - b);
  const columns = ys.flatMap((y, quantity) =>
    curves.map((_, index) =>
      xs.map((value) => {
        const row = at.get(value).get(index);
        if (row === undefined) return undefined;
        return shown(y[row], logY[quantity]) ? y[row] : null;
      }),
    ),
  );
  return [xs, ...columns];
}

// Values times a factor, at their absolute value where an axis is logarithmic and the sign is a matter of direction.
export function scaled(values, factor, { zero = 0, absolute = false } = {}) {
  return (values ?? []).map((value) =>
    value === null || value === undefined || !Number.isFinite(value)
      ? null
      : absolute ? Math.abs(value * factor + zero) : value * factor + zero,
  );
}

// The rows of an event put behind those that are there. Says whether some are missing in between.
export function appended(table, event) {
  const names = Object.keys(event.columns);
  const count = names.length ? event.columns[names[0]].length : 0;
  if (event.from > table.next) return { missing: true, added: 0 };
  const skip = table.next - event.from;
  if (skip >= count) return { missing: false, added: 0 };
  for (const name of names) {
    table.columns[name] ??= new Array(table.row.length).fill(null);
    for (const value of event.columns[name].slice(skip)) table.columns[name].push(value);
  }
  for (let row = table.next; row < event.from + count; row += 1) table.row.push(row);
  table.next = event.from + count;
  return { missing: false, added: count - skip };
}

// A curve as the light rises and as it falls again: against luminance each is a line of its own.
export function splitAtMaximum(curve, luminance) {
  let top = 0;
  curve.rows.forEach((row, index) => {
    if ((luminance?.[row] ?? -Infinity) > (luminance?.[curve.rows[top]] ?? -Infinity)) top = index;
  });
  const [before, after] = [curve.rows.slice(0, top + 1), curve.rows.slice(top)];
  const main = before.length >= after.length;
  return [{ rows: before, main }, { rows: after, main: !main }]
    .filter(({ rows }) => rows.length > 1 || curve.rows.length === 1)
    .map(({ rows, main: larger }) => ({ ...curve, rows, part: larger ? "" : "beyond the maximum" }));
}
