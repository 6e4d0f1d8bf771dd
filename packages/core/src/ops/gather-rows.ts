import * as tf from "@tensorflow/tfjs-core";
import { scatterAddRows } from "../kernels/scatter-add-rows.js";
import { withGradient } from "./with-gradient.js";

/**
 * Rows of a table by id: `table [size, ...row]`, `ids` int32 of any shape, each in `[0, size)`, to `[...ids, ...row]`.
 * Unlike `tf.gather` its gradient works on every backend. An id outside the table throws on backends with host memory.
 */
export function gatherRows(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const [size, ...row] = table.shape as [number, ...number[]];
  const dim = tf.util.sizeFromShape(row);
  return withGradient({
    inputs: { table, ids },
    forward: (save) => {
      save([ids]);
      return tf.gather(table, ids as tf.Tensor1D);
    },
    backward: ([dy], [savedIds]) => ({
      table: () => {
        const flatIds = tf.reshape(savedIds as tf.Tensor, [-1]) as tf.Tensor1D;
        const rows = tf.reshape(dy as tf.Tensor, [flatIds.size, dim]) as tf.Tensor2D;
        return tf.reshape(scatterAddRows({ rows, ids: flatIds }, { size }), [size, ...row]);
      },
    }),
  });
}
