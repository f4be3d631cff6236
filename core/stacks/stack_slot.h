// SPDX-License-Identifier: Apache-2.0
//
// StackSlot: where a thread that was interrupted by a signal leaves the
//            addresses of its stack for the thread that asks for them.
//
// Threads: one thread at a time calls Ask(), Look() and GiveUp(); the handler
//          of a signal, on any thread, calls Begin() and End(). Nothing here
//          waits, allocates or takes a lock.
// Order:   a slot is idle, asked of a thread, being written by it, written. A
//          handler that comes late finds a slot that is not asked of its
//          thread, and leaves it alone. A slot that is being written cannot be
//          given up: it is asked of nobody until the handler has ended.
// Example: if (slot.Ask(thread)) Signal(thread);  // ... and waits.
//          if (slot.Look() == StackSlot::State::kWritten) Use(slot.stack());
//          slot.GiveUp();
#ifndef PINION_CORE_STACKS_STACK_SLOT_H_
#define PINION_CORE_STACKS_STACK_SLOT_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace pinion {

class StackSlot {
 public:
  // A thread of Pinion's has 15 to 30 frames. Of a deeper stack the innermost
  // ones are taken.
  static constexpr int kMaxFrames = 64;

  struct Stack {
    // The innermost first. Those of the handler itself come before the others.
    void* frames[kMaxFrames] = {};
    int count = 0;
    // Where the thread was interrupted.
    void* interrupted_at = nullptr;
  };

  enum class State : uint32_t { kIdle, kAsked, kWriting, kWritten };

  // Asks the thread with this gettid(). False, and nothing is asked, if a
  // handler still writes the stack that was asked for before.
  bool Ask(pid_t thread) {
    // Acquire, with the release in End(): the handler writes no more.
    if (StateOf(word_.load(std::memory_order_acquire)) == State::kWriting) {
      return false;
    }
    // Release, with the acquire in Begin(): what this thread has read of the
    // last stack was read before the next one is written.
    word_.store(WordOf(State::kAsked, thread), std::memory_order_release);
    return true;
  }

  State Look() const {
    // Acquire, with the release in End(): the stack is seen with its state.
    return StateOf(word_.load(std::memory_order_acquire));
  }

  // The stack, in State::kWritten.
  const Stack& stack() const { return stack_; }

  // Asks no more. False if a handler writes right now: it will end.
  bool GiveUp() {
    uint64_t word = word_.load(std::memory_order_relaxed);
    while (StateOf(word) != State::kWriting) {
      // Relaxed: a handler that finds the slot idle does nothing.
      if (word_.compare_exchange_weak(word, WordOf(State::kIdle, 0),
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  // In the handler, on the thread with this gettid(). Null: nobody asks for its
  // stack (any more). Otherwise write it, and call End().
  Stack* Begin(pid_t thread) {
    uint64_t asked = WordOf(State::kAsked, thread);
    // Acquire, with the release in Ask().
    return word_.compare_exchange_strong(asked, WordOf(State::kWriting, thread),
                                         std::memory_order_acquire,
                                         std::memory_order_relaxed)
               ? &stack_
               : nullptr;
  }
  void End(pid_t thread) {
    // Release, with the acquire in Look() and in Ask().
    word_.store(WordOf(State::kWritten, thread), std::memory_order_release);
  }

 private:
  static uint64_t WordOf(State state, pid_t thread) {
    return uint64_t{static_cast<uint32_t>(thread)} << 32 |
           static_cast<uint32_t>(state);
  }
  static State StateOf(uint64_t word) {
    return static_cast<State>(static_cast<uint32_t>(word));
  }

  // The thread that is asked and the state. Lock-free, as a handler needs it.
  std::atomic<uint64_t> word_{0};
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
  Stack stack_;
};

}  // namespace pinion

#endif  // PINION_CORE_STACKS_STACK_SLOT_H_
