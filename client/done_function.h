// SPDX-License-Identifier: Apache-2.0
//
// DoneFunction: the callback of one call; any function that takes a Reply, and
//               can be moved.
//
// Threads: one at a time.
// Cost:    no memory for a function of up to 40 bytes that can be moved without
//          an exception: five pointers, or a std::string and a pointer. A
//          function without a destructor, such as a lambda that captures
//          pointers, is moved by copying these bytes. (absl::AnyInvocable has
//          room for 16 bytes, and calls a function for each move and at the
//          end; a call moves its callback twice.)
// Example: DoneFunction done = [this](const Reply& reply) { Take(reply); };
//          done(reply);
//          done = nullptr;  // What it holds is destroyed.
#ifndef PINION_CLIENT_DONE_FUNCTION_H_
#define PINION_CLIENT_DONE_FUNCTION_H_

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "pinion/third_party/cpp20.h"

namespace pinion {

struct Reply;

namespace client_internal {

class DoneFunction {
 public:
  DoneFunction() = default;
  DoneFunction(std::nullptr_t) {}  // NOLINT: implicit, as of any function.

  template <typename Function>
  requires(!std::is_same_v<std::decay_t<Function>, DoneFunction> &&
           std::is_invocable_v<std::decay_t<Function>&, const Reply&>)
      DoneFunction(Function&& function) {  // NOLINT: implicit, likewise.
    using Held = std::decay_t<Function>;
    if constexpr (kFits<Held>) {
      ::new (room_) Held(std::forward<Function>(function));
      invoke_ = [](void* room, const Reply& reply) {
        (*std::launder(static_cast<Held*>(room)))(reply);
      };
      if constexpr (!std::is_trivially_copyable_v<Held>) manage_ = Manage<Held>;
    } else {
      ::new (room_) Held*(new Held(std::forward<Function>(function)));
      invoke_ = [](void* room, const Reply& reply) {
        (**std::launder(static_cast<Held**>(room)))(reply);
      };
      manage_ = ManageElsewhere<Held>;
    }
  }

  DoneFunction(DoneFunction&& other) noexcept { TakeFrom(other); }
  DoneFunction& operator=(DoneFunction&& other) noexcept {
    if (this == &other) return *this;
    Clear();
    TakeFrom(other);
    return *this;
  }
  DoneFunction& operator=(std::nullptr_t) {
    Clear();
    return *this;
  }
  ~DoneFunction() { Clear(); }

  explicit operator bool() const { return invoke_ != nullptr; }

  // It must hold a function.
  void operator()(const Reply& reply) { invoke_(room_, reply); }

 private:
  static constexpr size_t kRoomBytes = 40;

  template <typename Held>
  static constexpr bool kFits = sizeof(Held) <= kRoomBytes &&
                                alignof(Held) <= alignof(void*) &&
                                std::is_nothrow_move_constructible_v<Held>;

  // Moves what is held in `from` to `to`, or destroys it if that is null.
  template <typename Held>
  static void Manage(void* from, void* to) noexcept {
    Held& held = *std::launder(static_cast<Held*>(from));
    if (to != nullptr) ::new (to) Held(std::move(held));
    held.~Held();
  }
  template <typename Held>
  static void ManageElsewhere(void* from, void* to) noexcept {
    Held* const held = *std::launder(static_cast<Held**>(from));
    if (to != nullptr) {
      ::new (to) Held*(held);
    } else {
      delete held;
    }
  }

  // This one holds nothing.
  void TakeFrom(DoneFunction& other) {
    invoke_ = std::exchange(other.invoke_, nullptr);
    manage_ = std::exchange(other.manage_, nullptr);
    if (manage_ == nullptr) {
      std::memcpy(room_, other.room_, kRoomBytes);
    } else {
      manage_(other.room_, room_);
    }
  }
  void Clear() {
    invoke_ = nullptr;
    if (manage_ != nullptr) std::exchange(manage_, nullptr)(room_, nullptr);
  }

  void (*invoke_)(void* room, const Reply& reply) = nullptr;  // Null: empty.
  void (*manage_)(void* from, void* to) noexcept = nullptr;   // Null: trivial.
  alignas(void*) std::byte room_[kRoomBytes];
};

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_DONE_FUNCTION_H_
