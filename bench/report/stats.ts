/** Percentiles, slopes and plain-text tables. */

/** Percentiles of measured values, in the unit of the values. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Percentiles by nearest rank, in steps of 1/`perUnit` (0.1 by default); NaN where there are no values. */
export function spreadOf(values: readonly number[], perUnit = 10): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
    return Math.round(value * perUnit) / perUnit;
  };
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** Least squares: how much y rises per unit of x; 0 where all x are equal. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (pick: 0 | 1) => points.reduce((sum, point) => sum + point[pick], 0) / points.length;
  const meanX = mean(0);
  const meanY = mean(1);
  let covariance = 0;
  let variance = 0;
  for (const [x, y] of points) {
    covariance += (x - meanX) * (y - meanY);
    variance += (x - meanX) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

export function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

export function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

/** For stored values: short, and precise enough that a table that shows a tenth rounds correctly. */
export function forStorage(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/** A plain-text table: the first column is aligned left, the others right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The median; the upper one of the two middle values of an even number. NaN where there are no values. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
