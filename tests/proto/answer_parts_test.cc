// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/answer_parts.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/proto/wire/session_response.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;

std::string Written(const OutgoingAnswer& answer) {
  std::string bytes(AnswerSize(answer), '\0');
  WriteAnswer(answer, reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

// Each in memory of just its size, so that AddressSanitizer sees the first byte
// that is read beyond it.
class Pieces {
 public:
  // Cuts `bytes` at these places, which ascend.
  Pieces(absl::string_view bytes, const std::vector<size_t>& cuts) {
    size_t from = 0;
    for (const size_t cut : cuts) {
      Add(bytes.substr(from, cut - from));
      from = cut;
    }
    Add(bytes.substr(from));
  }
  const std::vector<absl::string_view>& views() const { return views_; }

 private:
  void Add(absl::string_view piece) {
    blocks_.emplace_back(piece.begin(), piece.end());
    views_.emplace_back(blocks_.back().data(), blocks_.back().size());
  }

  std::vector<std::vector<char>> blocks_;
  std::vector<absl::string_view> views_;
};

// The payloads that the parts have, in order. Each part must be a message.
std::vector<std::string> PayloadsOf(const AnswerParts& parts) {
  std::vector<std::string> payloads;
  for (const absl::string_view part : parts.parts()) {
    SessionResponse response(part);
    EXPECT_TRUE(response.Scan()) << response.status();
    AnswerView answer;
    while (response.NextAnswer(&answer)) payloads.emplace_back(answer.payload);
    EXPECT_TRUE(response.ok()) << response.status();
  }
  return payloads;
}

TEST(AnswerPartsTest, HaveAllAnswersWhereverTheMessageIsCut) {
  const std::string long_one(200, 'x');  // Its length takes two bytes.
  const std::string bytes = Written({.id = 1, .payload = "a"}) + Written({}) +
                            Written({.id = 300, .payload = long_one}) +
                            Written({.id = 2, .code = 5, .message = "no"});
  AnswerParts parts;
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); ++second) {
      const Pieces pieces(bytes, {first, second});
      ASSERT_TRUE(parts.Split(pieces.views())) << first << ", " << second;
      EXPECT_EQ(absl::StrJoin(parts.parts(), ""), bytes);
      ASSERT_THAT(PayloadsOf(parts), ElementsAre("a", "", long_one, ""));
    }
  }
}

TEST(AnswerPartsTest, OfPiecesOfAByteHaveAllAnswers) {
  const std::string bytes =
      Written({.id = 1, .payload = "a"}) + Written({.id = 2, .payload = "b"});
  std::vector<size_t> cuts;
  for (size_t at = 1; at < bytes.size(); ++at) cuts.push_back(at);
  AnswerParts parts;
  ASSERT_TRUE(parts.Split(Pieces(bytes, cuts).views()));
  EXPECT_THAT(PayloadsOf(parts), ElementsAre("a", "b"));
}

TEST(AnswerPartsTest, CopyOnlyTheAnswersThatSpanPieces) {
  const std::string one = Written({.id = 1, .payload = "one"});
  const std::string bytes = one + one + one + one;
  const Pieces pieces(bytes, {one.size() * 2 - 1});
  AnswerParts parts;
  ASSERT_TRUE(parts.Split(pieces.views()));
  ASSERT_EQ(parts.parts().size(), 3u);
  EXPECT_EQ(parts.parts()[0].data(), pieces.views()[0].data());
  EXPECT_EQ(parts.parts()[1], one);
  EXPECT_EQ(parts.parts()[2].data(), pieces.views()[1].data() + 1);
}

TEST(AnswerPartsTest, AreNotMadeOfAMessageThatIsCutOff) {
  const std::string bytes =
      Written({.id = 1, .payload = "a"}) +
      Written({.id = 2, .payload = std::string(200, 'b')});
  const size_t whole_until = Written({.id = 1, .payload = "a"}).size();
  AnswerParts parts;
  for (size_t size = 1; size < bytes.size(); ++size) {
    for (size_t cut = 0; cut <= size; ++cut) {
      const Pieces pieces(absl::string_view(bytes).substr(0, size), {cut});
      EXPECT_EQ(parts.Split(pieces.views()), size == whole_until)
          << size << ", " << cut;
    }
  }
}

TEST(AnswerPartsTest, AreNotMadeOfAnythingButAnswers) {
  const std::string answer = Written({.id = 1, .payload = "a"});
  const std::string drain = EncodeDrain(5, v1::DRAIN_REASON_STOPPING);
  AnswerParts parts;
  for (const std::string& bytes :
       {answer + drain, drain + answer, answer + drain + answer,
        answer + "\xff", std::string("\x0a\xff\xff\xff\xff\xff")}) {
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
      const Pieces pieces(bytes, {cut});
      EXPECT_FALSE(parts.Split(pieces.views())) << cut;
    }
  }
}

TEST(AnswerPartsTest, AreNotMadeOfAnAnswerOf16KiB) {
  AnswerParts parts;
  for (const size_t size : {16'000u, 16'383u}) {
    const std::string bytes =
        Written({.id = 1, .payload = std::string(size, 'x')});
    const Pieces pieces(bytes, {bytes.size() / 2});
    EXPECT_EQ(parts.Split(pieces.views()), size == 16'000u);
  }
}

// gRPC hands an empty message on as no piece at all.
TEST(AnswerPartsTest, AreNotMadeOfNothing) {
  AnswerParts parts;
  EXPECT_FALSE(parts.Split({}));
  const absl::string_view empty;
  EXPECT_FALSE(parts.Split({&empty, 1}));
}

TEST(AnswerPartsTest, KeepNothingOfTheMessageBefore) {
  const std::string first = Written({.id = 1, .payload = "first"});
  const std::string second = Written({.id = 2, .payload = "second"});
  AnswerParts parts;
  EXPECT_FALSE(parts.Split(Pieces(first.substr(0, 5), {2}).views()));
  const Pieces pieces(second, {3});
  ASSERT_TRUE(parts.Split(pieces.views()));
  EXPECT_THAT(PayloadsOf(parts), ElementsAre("second"));
}

}  // namespace
}  // namespace pinion
