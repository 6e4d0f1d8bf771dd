import { duration, grouped, short } from "./figures.js";
import { heatMap } from "./heat-map.js";
import type {
  AlarmEvent,
  EndEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
  TrainingObserver,
} from "./training-event.js";

/** Where the view goes; `process.stderr`. */
export interface TerminalStream {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Options of {@link terminalView}. */
export interface TerminalViewOptions {
  readonly stream: TerminalStream;
  /** True: one screen that redraws itself. False: plain lines without control characters, for files and pipes. */
  readonly live: boolean;
  /** Colours in the heat map; default false: block characters. */
  readonly colour?: boolean;
  /** Steps between plain lines; default a hundredth of the run. */
  readonly lineEverySteps?: number;
  /** Milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

const REDRAW_MS = 250;
const ALARMS_SHOWN = 3;

/**
 * Shows a run while it goes: loss, ratio against target, speed, time left, the last evaluation, alarms, and the ratio of
 * every layer and head as a heat map. Live, it redraws at most 4 times a second within the screen; the cursor stays visible,
 * so there is nothing to restore when the process is killed.
 */
export function terminalView(options: TerminalViewOptions): TrainingObserver {
  return options.live ? new LiveView(options) : new PlainView(options);
}

/** One line every few steps; evaluations, checkpoints and alarms as they come. */
class PlainView implements TrainingObserver {
  private readonly stream: TerminalStream;
  private every: number | undefined;

  constructor({ stream, lineEverySteps }: TerminalViewOptions) {
    this.stream = stream;
    this.every = lineEverySteps;
  }

  observe(event: TrainingEvent): void {
    if (event.type === "step") {
      this.every ??= Math.max(1, Math.ceil(event.steps / 100));
      if (event.step % this.every !== 0 && event.step !== event.steps) return;
    }
    this.stream.write(`${plainLine(event)}\n`);
  }
}

class LiveView implements TrainingObserver {
  private readonly stream: TerminalStream;
  private readonly colour: boolean;
  private readonly now: () => number;
  private start: StartEvent | undefined;
  private step: StepEvent | undefined;
  private evaluation: EvaluationEvent | undefined;
  private readonly alarms: AlarmEvent[] = [];
  private end: EndEvent | undefined;
  private drawnLines = 0;
  private drawnAt = Number.NEGATIVE_INFINITY;

  constructor({ stream, colour = false, now = () => performance.now() }: TerminalViewOptions) {
    this.stream = stream;
    this.colour = colour;
    this.now = now;
  }

  observe(event: TrainingEvent): void {
    if (event.type === "start") this.start = event;
    else if (event.type === "step") this.step = event;
    else if (event.type === "evaluation") this.evaluation = event;
    else if (event.type === "end") this.end = event;
    else if (event.type === "alarm") this.alarms.push(event);
    if (this.now() - this.drawnAt >= REDRAW_MS) this.draw();
  }

  close(): void {
    this.draw();
  }

  private draw(): void {
    this.drawnAt = this.now();
    const lines = this.lines();
    const up = this.drawnLines > 0 ? `\x1b[${this.drawnLines}A\r` : "";
    // each line is cleared behind its text, and what is left of a longer view below it
    this.stream.write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.drawnLines = lines.length;
  }

  private lines(): string[] {
    const { columns = 80, rows = 24 } = this.stream;
    const width = Math.max(1, columns - 1); // a full last column would wrap on some terminals
    const text = [
      ...(this.start === undefined ? [] : [startLine(this.start)]),
      ...(this.step === undefined ? [] : stepLines(this.step, width)),
      ...(this.evaluation === undefined ? [] : [evaluationLine(this.evaluation)]),
      ...this.alarms.slice(-ALARMS_SHOWN).map(alarmLine),
      ...(this.end === undefined ? [] : [endLine(this.end)]),
    ].map((line) => line.slice(0, width));
    const room = { width, height: rows - 1 - text.length, colour: this.colour };
    const map = this.step?.merged === undefined ? [] : heatMap(this.step.merged, room);
    return [...text, ...map].slice(0, Math.max(1, rows - 1));
  }
}

function plainLine(event: TrainingEvent): string {
  switch (event.type) {
    case "start":
      return startLine(event);
    case "step":
      return [
        `step ${event.step}/${event.steps}`,
        event.stage,
        ...losses(event),
        ...ratios(event),
        ...speed(event),
      ].join("  ");
    case "evaluation":
      return evaluationLine(event);
    case "checkpoint":
      return `checkpoint of step ${event.step}: ${event.path}`;
    case "alarm":
      return alarmLine(event);
    case "end":
      return endLine(event);
  }
}

function startLine({ step, steps, parameters, tokensPerStep, backend }: StartEvent): string {
  const from = step > 0 ? `resumed at step ${step} of ${steps}` : `${steps} steps`;
  return `${from} of ${grouped(tokensPerStep)} tokens, ${short(parameters)} weights, backend ${backend}`;
}

function stepLines(event: StepEvent, width: number): string[] {
  const share = event.steps > 0 ? event.step / event.steps : 1;
  const cells = Math.min(40, Math.max(0, width - 40));
  const bar = cells < 8 ? "" : `  [${"#".repeat(Math.round(share * cells)).padEnd(cells, "-")}]`;
  return [
    `step ${event.step}/${event.steps}  ${event.stage}  ${Math.floor(share * 100)} %${bar}`,
    [
      ...losses(event),
      `learning rate ${event.learningRate.toExponential(2)}`,
      `norm ${event.gradientNorm.toPrecision(3)}`,
    ].join("  "),
    [...ratios(event), ...speed(event)].join("  "),
  ];
}

function losses({ loss, crossEntropy, compressionLoss, distillationLoss }: StepEvent): string[] {
  return [
    `loss ${loss.toFixed(4)}`,
    `CE ${crossEntropy.toFixed(4)}`,
    ...(compressionLoss === undefined ? [] : [`compression ${compressionLoss.toFixed(4)}`]),
    ...(distillationLoss === undefined ? [] : [`distillation ${distillationLoss.toFixed(4)}`]),
  ];
}

function ratios({ ratio, targetRatio }: StepEvent): string[] {
  if (ratio === undefined) return [];
  return [`CR ${ratio.toFixed(2)}${targetRatio === undefined ? "" : ` of ${targetRatio.toFixed(2)}`}`];
}

function speed({ tokens, tokensPerSecond, mfu, secondsLeft }: StepEvent): string[] {
  return [
    `${short(tokens)} tokens`,
    `${grouped(tokensPerSecond)} tok/s`,
    ...(mfu === undefined ? [] : [`MFU ${(mfu * 100).toFixed(1)} %`]),
    `${duration(secondsLeft)} left`,
  ];
}

function evaluationLine({ step, perplexity, ratio, recall, best }: EvaluationEvent): string {
  const figures = [
    `perplexity ${perplexity.toFixed(3)}`,
    ...(ratio === undefined ? [] : [`CR ${ratio.toFixed(2)}`]),
    ...(recall === undefined ? [] : [`recall ${(recall * 100).toFixed(1)} %`]),
  ];
  return `evaluation of step ${step}: ${figures.join(", ")}${best ? " (best)" : ""}`;
}

function alarmLine({ step, code, message }: AlarmEvent): string {
  return `alarm at step ${step}: ${code}: ${message}`;
}

function endLine({ step, reason, seconds }: EndEvent): string {
  return `${reason} after step ${step}, ${duration(seconds)}`;
}
