// SPDX-License-Identifier: Apache-2.0
//
// ShardFactory: makes the shards of a hosted service.
//
// Threads: Make() runs on the shard's worker, and on all workers at the same
//          time, so everything that a factory shares must be thread-safe.
// Errors:  a factory may return an error or throw; the server then does not
//          start.
// Example: ShardFactory::Of<Counter>()
//          ShardFactory::Of<Ledger>([&](const ShardInfo& info) {
//            return Ledger::Open(path, info.worker());  // StatusOr<unique_ptr>
//          })
#ifndef PINION_SERVER_INTERNAL_SHARD_FACTORY_H_
#define PINION_SERVER_INTERNAL_SHARD_FACTORY_H_

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/server/hop.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/shard_info.h"

namespace pinion {

class ShardFactory {
 public:
  // Uses the constructor of `Shard` that takes a const ShardInfo&, or else the
  // default constructor.
  template <typename Shard>
  static ShardFactory Of() {
    if constexpr (std::is_constructible_v<Shard, const ShardInfo&>) {
      return Of<Shard>([](const ShardInfo& info) {
        return std::unique_ptr<Shard>(new Shard(info));
      });
    } else {
      static_assert(std::is_default_constructible_v<Shard>,
                    "a shard is made from a const pinion::ShardInfo&, from "
                    "nothing, or by a factory");
      return Of<Shard>([] { return std::make_unique<Shard>(); });
    }
  }

  // Uses `make`, which takes a const ShardInfo& or nothing, and returns a
  // std::unique_ptr<Shard> or an absl::StatusOr of one.
  template <typename Shard, typename Make>
  static ShardFactory Of(Make make) {
    return ShardFactory(
        Hop::TypeOf<Shard>(),
        [make = std::move(make)](const ShardInfo& info) -> Made {
          absl::StatusOr<std::unique_ptr<Shard>> shard = Call(make, info);
          if (!shard.ok()) return shard.status();
          if (*shard == nullptr) {
            return absl::InternalError("the factory made none");
          }
          return std::shared_ptr<void>(
              std::shared_ptr<Shard>(*std::move(shard)));
        });
  }

  absl::StatusOr<std::shared_ptr<void>> Make(const ShardInfo& info) const {
    return Guarded("it", [&] { return make_(info); });
  }

  // The type of its shards; see Hop::TypeOf().
  const void* type() const { return type_; }

 private:
  using Made = absl::StatusOr<std::shared_ptr<void>>;

  ShardFactory(const void* type, std::function<Made(const ShardInfo&)> make)
      : type_(type), make_(std::move(make)) {}

  template <typename Make>
  static auto Call(const Make& make, const ShardInfo& info) {
    if constexpr (std::is_invocable_v<const Make&, const ShardInfo&>) {
      return make(info);
    } else {
      static_assert(std::is_invocable_v<const Make&>,
                    "a factory takes a const pinion::ShardInfo& or nothing, "
                    "and is called on all workers at once, so it is const");
      return make();
    }
  }

  const void* type_;
  std::function<Made(const ShardInfo&)> make_;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_SHARD_FACTORY_H_
