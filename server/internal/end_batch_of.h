// SPDX-License-Identifier: Apache-2.0
//
// Finds the EndBatch() of a shard, and stops the compiler if a shard has one
// that would never be called.
//
// Threads: the compiler's.
// Finds:   a member of that name whatever its access and its parameters, and
//          some names that are meant to be it, of any class that is not final;
//          of a final class, only a public EndBatch() that can be called. Other
//          misspellings cannot be found: C++20 does not list a class's members.
//          Whoever relies on EndBatch() asserts EndsBatches (hosted_service.h).
// How:     the name is looked up in a class that derives from the shard and
//          from a class with a member of that name. If the shard has one too,
//          the name is ambiguous, which comes before any access check.
// Example: CheckEndBatch<Ledger>();
//          if constexpr (HasEndBatch<Ledger>) ledger.EndBatch();
#ifndef PINION_SERVER_INTERNAL_END_BATCH_OF_H_
#define PINION_SERVER_INTERNAL_END_BATCH_OF_H_

#include <concepts>
#include <type_traits>

#include "absl/status/status.h"

namespace pinion::internal {

template <typename Shard>
concept HasEndBatch = requires(Shard& shard) {
  { shard.EndBatch() } -> std::same_as<absl::Status>;
};

template <typename Shard, typename Name>
struct WithName : Shard, Name {};

template <typename Shard>
inline constexpr bool kCanDerive =
    std::is_class_v<Shard> && !std::is_final_v<Shard>;

// Defines kHas_NAME<Shard>: whether the shard has a member of that name.
#define PINION_DEFINE_HAS(name)                          \
  struct Name_##name {                                   \
    int name;                                            \
  };                                                     \
  template <typename Shard>                              \
  inline constexpr bool kHas_##name = false;             \
  template <typename Shard>                              \
  requires kCanDerive<Shard>                             \
  inline constexpr bool kHas_##name<Shard> = !requires { \
    &WithName<Shard, Name_##name>::name;                 \
  };

// Fails to compile if the shard has a member of that name.
#define PINION_REFUSE_NAME(name)                  \
  static_assert(!kHas_##name<Shard>,              \
                "the worker does not call " #name \
                " of a shard; what it calls "     \
                "after each batch is absl::Status EndBatch()")

PINION_DEFINE_HAS(EndBatch)
PINION_DEFINE_HAS(Endbatch)
PINION_DEFINE_HAS(endBatch)
PINION_DEFINE_HAS(endbatch)
PINION_DEFINE_HAS(end_batch)
PINION_DEFINE_HAS(EndBatches)
PINION_DEFINE_HAS(EndsBatch)
PINION_DEFINE_HAS(EndOfBatch)
PINION_DEFINE_HAS(BatchEnd)
PINION_DEFINE_HAS(OnEndBatch)
PINION_DEFINE_HAS(OnBatchEnd)

// Stops the compiler, with one error, if the shard has an EndBatch() that the
// worker cannot call, or none but a name like it.
template <typename Shard>
constexpr void CheckEndBatch() {
  if constexpr (HasEndBatch<Shard>) {
    return;
  } else if constexpr (kHas_EndBatch<Shard> ||
                       requires(Shard & shard) { shard.EndBatch(); }) {
    static_assert(HasEndBatch<Shard>,
                  "the worker cannot call this shard's EndBatch(): make it "
                  "public, without parameters, and absl::Status its result");
  } else {
    PINION_REFUSE_NAME(Endbatch);
    PINION_REFUSE_NAME(endBatch);
    PINION_REFUSE_NAME(endbatch);
    PINION_REFUSE_NAME(end_batch);
    PINION_REFUSE_NAME(EndBatches);
    PINION_REFUSE_NAME(EndsBatch);
    PINION_REFUSE_NAME(EndOfBatch);
    PINION_REFUSE_NAME(BatchEnd);
    PINION_REFUSE_NAME(OnEndBatch);
    PINION_REFUSE_NAME(OnBatchEnd);
  }
}

#undef PINION_DEFINE_HAS
#undef PINION_REFUSE_NAME

}  // namespace pinion::internal

#endif  // PINION_SERVER_INTERNAL_END_BATCH_OF_H_
