import {
  backend_util,
  type GatherV2Attrs,
  type GatherV2Inputs,
  type OneHotAttrs,
  type OneHotInputs,
  type Tensor,
  type UnsortedSegmentSumAttrs,
  type UnsortedSegmentSumInputs,
  util,
} from "@tensorflow/tfjs-core";
import { cudaKernel, onDevice, type Present } from "../backend/cuda-kernel.js";
import { elementBytes } from "../backend/tensor-data.js";
import { deviceKernel } from "../engine/device-kernel.js";
import { wordOf } from "./fill.js";

/** The device's gather; ids outside of the table give zeros. */
export const gatherKernel = deviceKernel("kvfold_gather", {
  x: "address",
  ids: "address",
  out: "address",
  batch: "count",
  outer: "count",
  size: "count",
  count: "count",
  slice: "count",
  elementBytes: "int",
  unused: "int",
});

/**
 * Slices of a tensor along an axis, by their ids; any number of batch dimensions. Ids that are not on the device yet are
 * checked; others would have to be waited for, and give zeros where they are wrong.
 */
export const gather = cudaKernel<Present<GatherV2Inputs>, GatherV2Attrs>(
  "GatherV2",
  ({ inputs: { x, indices }, attrs, backend, fallback }) => {
    if (!onDevice(x) || indices.dtype !== "int32") return fallback();
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
      backend_util.segment_util.collectGatherOpShapeInfo(x as Tensor, indices as Tensor, axis, attrs.batchDims ?? 0);
    const known = backend.hostValues(indices) as Int32Array | undefined;
    const wrong = known?.find((id) => id < 0 || id >= dimSize);
    if (wrong !== undefined) throw new Error(`GatherV2: the index value ${wrong} is not in [0, ${dimSize - 1}]`);
    const { info, address, length } = backend.output(outputShape, x.dtype);
    const values = {
      x: backend.address(x),
      ids: backend.address(indices),
      out: address,
      batch: batchSize,
      outer: outerSize,
      size: dimSize,
      count: util.sizeFromShape(indices.shape) / batchSize,
      slice: sliceSize,
      elementBytes: elementBytes(x.dtype),
    };
    backend.engine.launch(gatherKernel, values, backend.engine.loopOver(length));
    return info;
  },
);

/** The device's sums of slices by id. */
export const segmentSumKernel = deviceKernel("kvfold_segment_sum", {
  x: "address",
  ids: "address",
  out: "address",
  count: "count",
  segments: "count",
  slice: "count",
});

/** Sums of slices by the id of their segment, the gradient of a gather along the first axis. */
export const unsortedSegmentSum = cudaKernel<Present<UnsortedSegmentSumInputs>, UnsortedSegmentSumAttrs>(
  "UnsortedSegmentSum",
  ({ inputs: { x, segmentIds }, attrs: { numSegments }, backend, fallback }) => {
    if (x.dtype !== "float32" || segmentIds.dtype !== "int32" || segmentIds.shape.length !== 1) return fallback();
    const row = x.shape.slice(1);
    const { info, address, length } = backend.output([numSegments, ...row]);
    const slice = util.sizeFromShape(row);
    const count = x.shape[0] as number;
    const values = {
      x: backend.address(x),
      ids: backend.address(segmentIds),
      out: address,
      count,
      segments: numSegments,
      slice,
    };
    const grid = [numSegments, Math.ceil(slice / 256)] as const;
    if (length > 0) backend.engine.launch(segmentSumKernel, values, { grid, block: [256] });
    return info;
  },
);

const oneHotKernel = deviceKernel("kvfold_one_hot", {
  ids: "address",
  out: "address",
  n: "count",
  depth: "count",
  on: "int",
  off: "int",
});

/** Rows that say one id each. */
export const oneHot = cudaKernel<Present<OneHotInputs>, OneHotAttrs>(
  "OneHot",
  ({ inputs: { indices }, attrs: { depth, onValue, offValue, dtype }, backend, fallback }) => {
    if (indices.dtype !== "int32" || (dtype !== "float32" && dtype !== "int32")) return fallback();
    const { info, address, length } = backend.output([...indices.shape, depth], dtype);
    const [on, off] = [wordOf(dtype, onValue) | 0, wordOf(dtype, offValue) | 0];
    const values = {
      ids: backend.address(indices),
      out: address,
      n: util.sizeFromShape(indices.shape),
      depth,
      on,
      off,
    };
    backend.engine.launch(oneHotKernel, values, backend.engine.loopOver(length));
    return info;
  },
);
