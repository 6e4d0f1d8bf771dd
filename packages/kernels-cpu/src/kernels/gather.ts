import {
  backend_util,
  type GatherV2Attrs,
  type GatherV2Inputs,
  type Tensor,
  type UnsortedSegmentSumAttrs,
  type UnsortedSegmentSumInputs,
  util,
} from "@tensorflow/tfjs-core";
import { isMovable, nativeKernel, type Present } from "../native-kernel.js";

/** Slices of a tensor along an axis, by their ids; any number of batch dimensions. */
export const gather = nativeKernel<Present<GatherV2Inputs>, GatherV2Attrs>(
  "GatherV2",
  ({ inputs: { x, indices }, attrs, backend, fallback }) => {
    if (!isMovable(x) || indices.dtype !== "int32") return fallback();
    const [axis] = util.parseAxisParam(attrs.axis, x.shape) as [number];
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } =
      backend_util.segment_util.collectGatherOpShapeInfo(x as Tensor, indices as Tensor, axis, attrs.batchDims ?? 0);
    const { info, values } = backend.outputOf(x.dtype, outputShape);
    const ids = backend.ints(indices);
    const wrong = backend.addon.gather(backend.elements(x), ids, values, batchSize, outerSize, dimSize, sliceSize);
    if (wrong !== undefined) {
      backend.disposeData(info.dataId);
      throw new Error(`GatherV2: the index value ${wrong} is not in [0, ${dimSize - 1}]`);
    }
    return info;
  },
);

/** Sums of slices by the id of their segment, the gradient of a gather along the first axis. */
export const unsortedSegmentSum = nativeKernel<Present<UnsortedSegmentSumInputs>, UnsortedSegmentSumAttrs>(
  "UnsortedSegmentSum",
  ({ inputs: { x, segmentIds }, attrs: { numSegments }, backend, fallback }) => {
    if (x.dtype !== "float32" || segmentIds.dtype !== "int32" || segmentIds.shape.length !== 1) return fallback();
    const row = x.shape.slice(1);
    const { info, values } = backend.output([numSegments, ...row]);
    const dim = util.sizeFromShape(row);
    backend.addon.scatterAddRows(backend.floats(x), backend.ints(segmentIds), dim, numSegments, values);
    return info;
  },
);
