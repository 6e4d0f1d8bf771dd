// Which warp works on which tiles: the tiles of all lanes stand in one row, and every warp takes an equal stretch of it,
// whatever the lengths are. So a warp meets lanes l, l + 1, ... and the pairs (warp, lane) that meet go up like a stair:
// warp + lane is a number of its own for each pair.
#pragma once
#include "../device/platform.h"

namespace kvfold {

/** Fewer tiles are not worth a warp of their own. */
constexpr int leastTiles = 2;

struct TileShare {
  int tiles;
  int workers;

  KVFOLD_HOST_DEVICE TileShare(int tileCount, int warps) : tiles(tileCount) {
    const int most = tileCount / leastTiles;
    workers = warps < most ? warps : most > 1 ? most : 1;
    each_ = tiles / workers;
    more_ = tiles % workers;
  }
  /** First tile of a warp; that of the next ends its stretch. */
  KVFOLD_HOST_DEVICE int begin(int warp) const {
    return warp >= workers ? tiles : warp * each_ + (warp < more_ ? warp : more_);
  }
  /** The warp that works on a tile. */
  KVFOLD_HOST_DEVICE int owner(int tile) const {
    const int longer = more_ * (each_ + 1);
    return tile < longer ? tile / (each_ + 1) : more_ + (tile - longer) / each_;
  }

 private:
  /** Tiles of every warp; the first `more_` take one more. */
  int each_;
  int more_;
};

/** The lane of a tile: the last one that starts at or before it. */
KVFOLD_HOST_DEVICE int laneOfTile(const int* tileStarts, int lanes, int tile) {
  int low = 0, high = lanes - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (tileStarts[middle] <= tile) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace kvfold
