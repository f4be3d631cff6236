// SPDX-License-Identifier: Apache-2.0
//
// What the other files do wrongly, done rightly.
#include "pinion/server/internal/end_batch_of.h"
#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {

struct Request {};
struct Response {};

struct Base {
  absl::Status OfBase(const Request&, Response*);
};
class Shard : public Base {
 public:
  absl::Status Add(const Request&, Response*);
  absl::Status AddConst(const Request&, Response*, CallContext&) const noexcept;
  void Later(Call<Request, Response>);
  void All(absl::Span<Call<Request, Response>>);
  void Follow(const Request&, Stream<Response>);
  absl::Status EndBatch();
};
absl::Status Free(Shard&, const Request&, Response*);
absl::Status Without(const Request&, Response*) noexcept;

template <typename Function>
void Take(const Function&) {
  RefuseHandler<Shard, Function>();
}

[[maybe_unused]] void Use(int captured) {
  Take(&Shard::Add);
  Take(&Shard::AddConst);
  Take(&Shard::OfBase);
  Take(&Shard::Later);
  Take(&Shard::All);
  Take(&Shard::Follow);
  Take(&Free);
  Take(&Without);
  Take([captured](const Request&, Response*) {
    return captured > 0 ? absl::OkStatus() : absl::UnknownError("");
  });
  Take([](Base&, const Request&, Response*) { return absl::OkStatus(); });
  CheckEndBatch<Shard>();
  CheckEndBatch<Base>();
}

}  // namespace pinion::internal
