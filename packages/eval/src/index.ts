export {
  type EvaluateRecallOptions,
  evaluateRecall,
  type RecallCell,
  type RecallKindScore,
  type RecallResult,
  type RecallScore,
} from "./recall/evaluate-recall.js";
export {
  RECALL_MARKER,
  type RecallFact,
  type RecallKind,
  recallFacts,
  recallOpening,
} from "./recall/recall-facts.js";
export { type RecallTask, type RecallTaskOptions, recallTask } from "./recall/recall-task.js";
export { type RecallTokens, recallTokens } from "./recall/recall-tokens.js";
export { type EvaluateTextOptions, evaluateText, type TextResult } from "./text/evaluate-text.js";
export { type ScoreWindowsOptions, scoreWindows, type WindowScores } from "./text/score-windows.js";
