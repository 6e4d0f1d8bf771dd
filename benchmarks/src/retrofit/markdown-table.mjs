/** The comparison as a Markdown table; differences are against the row of that name, those of a second seed (`-b`) against its own. */
export function markdownTable(rows, reference) {
  const named = (name) => rows.find((row) => row.name === name);
  const controlOf = ({ name }) => (name.endsWith("-b") && named(`${reference}-b`)) || named(reference);
  const against = (row) => {
    const control = controlOf(row);
    return control ? `${((row.perplexity / control.perplexity - 1) * 100).toFixed(1)} %` : "";
  };
  const head = [
    "model",
    "perplexity",
    `vs ${reference}`,
    "recall, first token",
    "recall, whole answer",
    "CR text / recall",
    "byte ratio text / recall",
    "live bytes text / recall",
    "tok/s",
    "tokens trained",
    "minutes",
  ];
  const cells = rows.map((row) => [
    row.name,
    row.perplexity.toFixed(2),
    against(row),
    row.firstToken.toFixed(3),
    row.recall.toFixed(3),
    `${row.textRatio.toFixed(2)} / ${row.recallRatio.toFixed(2)}`,
    `${row.textByteRatio.toFixed(2)} / ${row.recallByteRatio.toFixed(2)}`,
    `${Math.round(row.textLiveBytes)} / ${Math.round(row.recallLiveBytes)}`,
    row.tokensPerSecond.toFixed(0),
    row.trainedTokens ? `${(row.trainedTokens / 1e6).toFixed(2)} M` : "-",
    row.trainedMinutes ? row.trainedMinutes.toFixed(1) : "-",
  ]);
  const line = (values) => `| ${values.join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...cells.map(line)].join("\n")}\n`;
}
