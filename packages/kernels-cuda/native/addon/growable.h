// An array that grows, for code that has no C++ library. Elements are plain data: they are moved by copying their bytes.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace kvfold {

template <class T>
class Growable {
  static_assert(std::is_trivially_copyable<T>::value, "elements are moved as bytes");

 public:
  Growable() = default;
  ~Growable() { free(data_); }
  Growable(const Growable&) = delete;
  Growable& operator=(const Growable&) = delete;

  /** False when there is no memory. */
  bool push(const T& value) {
    if (size_ == capacity_) {
      const int64_t capacity = capacity_ == 0 ? 16 : 2 * capacity_;
      void* grown = realloc(static_cast<void*>(data_), static_cast<size_t>(capacity) * sizeof(T));
      if (grown == nullptr) return false;
      data_ = static_cast<T*>(grown);
      capacity_ = capacity;
    }
    data_[size_++] = value;
    return true;
  }

  /** The last element, taken away; the array must not be empty. */
  T pop() { return data_[--size_]; }

  int64_t size() const { return size_; }
  T& operator[](int64_t i) const { return data_[i]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

/** Handles under small whole numbers that are used again; numbers that are not given out give null. */
template <class Handle>
class Table {
 public:
  /** The number of a new handle; -1 when there is no memory. */
  int64_t add(Handle handle) {
    if (free_.size() > 0) {
      const int64_t place = free_.pop();
      all_[place] = handle;
      return place;
    }
    return all_.push(handle) ? all_.size() - 1 : -1;
  }

  Handle at(int64_t place) const { return place >= 0 && place < all_.size() ? all_[place] : nullptr; }

  /** Takes a handle out; null when there is none under this number. */
  Handle take(int64_t place) {
    const Handle handle = at(place);
    if (handle == nullptr || !free_.push(place)) return nullptr;
    all_[place] = nullptr;
    return handle;
  }

  /** Takes any handle out; null when none is left. */
  Handle takeAny() {
    while (all_.size() > 0) {
      const Handle handle = all_.pop();
      if (handle != nullptr) return handle;
    }
    return nullptr;
  }

 private:
  Growable<Handle> all_;
  Growable<int64_t> free_;
};

}  // namespace kvfold
