export {
  type EvaluateRecallOptions,
  evaluateRecall,
  type RecallCell,
  type RecallResult,
} from "./recall/evaluate-recall.js";
export { type RecallTask, type RecallTaskOptions, recallTask } from "./recall/recall-task.js";
export { type EvaluateTextOptions, evaluateText, type TextResult } from "./text/evaluate-text.js";
