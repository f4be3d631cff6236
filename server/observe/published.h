// SPDX-License-Identifier: Apache-2.0
//
// Published: a small value that one thread sets and any thread may copy, and
//            neither ever waits for the other.
//
// Threads: one thread calls Set() and Own(); any thread calls Get().
// Cost:    Set() is a plain store for each 8 bytes on x86, and two more.
// Example: Published<Totals> totals;
//          totals.Set({.calls = 7, .nanos = 900});              // The writer.
//          if (auto copy = totals.Get()) Show(copy->calls);     // Any thread.
#ifndef PINION_SERVER_OBSERVE_PUBLISHED_H_
#define PINION_SERVER_OBSERVE_PUBLISHED_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace pinion {

template <typename T>
class Published {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);
  static_assert(std::has_unique_object_representations_v<T>, "it has padding");

 public:
  void Set(const T& value) {
    Words words;
    std::memcpy(words.data(), &value, sizeof(T));
    const uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    for (size_t i = 0; i < kWords; ++i) {
      // Release, with the acquire in Get(): who sees the word sees that the
      // version is odd, or a later one.
      words_[i].store(words[i], std::memory_order_release);
    }
    // Release, with the first acquire in Get().
    version_.store(version + 2, std::memory_order_release);
  }

  // What was set last, for the thread that sets. All zeros: nothing was.
  T Own() const {
    Words words;
    for (size_t i = 0; i < kWords; ++i) {
      words[i] = words_[i].load(std::memory_order_relaxed);
    }
    return ValueOf(words);
  }

  // Whether anything was set, or its first Set() has begun.
  bool is_set() const { return version_.load(std::memory_order_relaxed) != 0; }

  // What was set last. None: nothing was, or the writer was within a Set() at
  // each of several looks; it may have lost its CPU there.
  std::optional<T> Get() const {
    for (int i = 0; i < kLooks; ++i) {
      const uint64_t version = version_.load(std::memory_order_acquire);
      if (version == 0) return std::nullopt;
      if (version % 2 != 0) continue;
      Words words;
      for (size_t k = 0; k < kWords; ++k) {
        words[k] = words_[k].load(std::memory_order_acquire);
      }
      if (version_.load(std::memory_order_relaxed) == version) {
        return ValueOf(words);
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kWords = sizeof(T) / 8;
  using Words = std::array<uint64_t, kWords>;

  // A Set() takes some 20 ns, as long as some looks. One that has not ended
  // after this many has lost its CPU.
  static constexpr int kLooks = 1000;

  static T ValueOf(const Words& words) {
    T value;
    // T may set its members at its construction, and is copied as bytes all the
    // same.
    std::memcpy(static_cast<void*>(&value), words.data(), sizeof(T));
    return value;
  }

  std::atomic<uint64_t> version_{0};  // Odd: within a Set().
  std::array<std::atomic<uint64_t>, kWords> words_ = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_PUBLISHED_H_
