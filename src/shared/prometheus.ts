/** One row of a metrics table: what `# HELP` and `# TYPE` say, and which labels its samples carry. */
export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

export interface Sample {
  /** The metric's name; of a histogram with `_bucket`, `_sum` or `_count`. */
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** What `text` of {@link exposition} is. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The text format 0.0.4 of Prometheus: each metric with its samples, in the order of the table. */
export function exposition(table: Readonly<Record<string, Metric>>, samples: readonly Sample[]): string {
  return Object.entries(table)
    .map(([name, { type, help }]) => {
      const own = samples.filter((sample) => baseName(sample.name, type) === name)
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...own.map(line)].join('\n')
    })
    .join('\n')
    .concat('\n')
}

function baseName(name: string, type: Metric['type']): string {
  return type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name
}

function line({ name, labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
