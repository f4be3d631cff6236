// SPDX-License-Identifier: Apache-2.0
//
// What is left when there is no memory for a new party. This program's operator
// new fails when told to. Built without exceptions there is nothing to test:
// the first that fails ends the program.
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/server/party/parties.h"
#include "pinion/server/party/party.h"

#ifdef ABSL_HAVE_EXCEPTIONS

namespace {

// How many allocations are left until one fails; 0: none does.
int allocations_left = 0;
int allocated = 0;

void* Allocate(size_t size, size_t alignment) {
  if (allocations_left > 0 && --allocations_left == 0) throw std::bad_alloc();
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size) != 0) throw std::bad_alloc();
  ++allocated;
  return memory;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  --allocated;
  free(memory);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size, 16); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  Free(memory);
}

namespace pinion {
namespace {

// With the lock held, the deleter of a pointer that could not be made would
// wait for ever.
TEST(PartiesMemoryTest, APartyThatCannotBeMadeIsForgottenAndBlocksNobody) {
  Parties parties(/*lanes=*/3, {});
  // After 17 the table has room for 11 more, so only the party needs memory.
  std::vector<std::shared_ptr<Party>> others;
  for (int i = 0; i < 17; ++i) {
    others.push_back(parties.OfConnection(absl::StrCat("ipv4:10.0.0.1:", i)));
  }
  const std::string peer = "ipv4:10.0.0.1:65535, longer than lies in place";
  const int before = allocated;
  int failures = 0;
  for (;; ++failures) {
    std::shared_ptr<Party> party;
    allocations_left = failures + 1;
    try {
      party = parties.OfConnection(peer);
    } catch (const std::bad_alloc&) {
    }
    if (std::exchange(allocations_left, 0) != 0) break;
    const int left = allocated - before;
    EXPECT_EQ(left, 0) << "after " << failures << " allocations";
    EXPECT_EQ(party, nullptr);
    EXPECT_NE(parties.OfConnection(peer), nullptr);
  }
  EXPECT_GE(failures, 3) << "a party, its numbers, its pointer";
}

}  // namespace
}  // namespace pinion

#endif  // ABSL_HAVE_EXCEPTIONS
