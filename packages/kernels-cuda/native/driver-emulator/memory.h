// Guard bytes around device memory.
#pragma once
#include <cstddef>

namespace kvfold::driver_emulator {

/** Bytes before and behind an allocation; a multiple of the 256 that the driver aligns to. */
constexpr size_t guardBytes = 512;
constexpr unsigned char guardValue = 0xa5;
/** New memory holds this: not-a-number in float32, so that what is read before it is written shows. */
constexpr unsigned char freshValue = 0xff;

}  // namespace kvfold::driver_emulator
