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

  /** Room for `count` elements; the first ones stay, new ones have any content. False when there is no memory. */
  bool resize(int64_t count) {
    if (count > capacity_) {
      const int64_t capacity = count > 2 * capacity_ ? count : 2 * capacity_;
      void* grown = realloc(static_cast<void*>(data_), static_cast<size_t>(capacity) * sizeof(T));
      if (grown == nullptr) return false;
      data_ = static_cast<T*>(grown);
      capacity_ = capacity;
    }
    size_ = count;
    return true;
  }

  bool push(const T& value) {
    const T copy = value;
    if (!resize(size_ + 1)) return false;
    data_[size_ - 1] = copy;
    return true;
  }

  /** Gives the memory back. */
  void reset() {
    free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  void swap(Growable& other) {
    Growable copy;
    copy.take(*this);
    take(other);
    other.take(copy);
  }

  int64_t size() const { return size_; }
  T* data() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }

 private:
  /** Takes over what `other` holds, which is then empty; this one holds nothing. */
  void take(Growable& other) {
    data_ = other.data_;
    size_ = other.size_;
    capacity_ = other.capacity_;
    other.data_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }

  T* data_ = nullptr;
  int64_t size_ = 0;
  int64_t capacity_ = 0;
};

}  // namespace kvfold
