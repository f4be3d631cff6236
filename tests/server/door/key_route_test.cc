// SPDX-License-Identifier: Apache-2.0
//
// The table of docs/clients.md by which authors of other clients can check that
// they send a key where the server does.
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/slot.h"
#include "tests/proto/key_reader_test.pb.h"

namespace pinion {
namespace {

struct Row {
  std::string type;
  std::string value;  // Empty: the field is absent.
  std::string text;
  uint64_t hash = 0;
  int slot = 0;
  std::vector<int> owners;  // As many as kWorkers.
};
constexpr int kWorkers[] = {2, 3, 8};

std::vector<Row> ReadTable() {
  std::ifstream page("docs/clients.md");
  EXPECT_TRUE(page);
  std::vector<Row> rows;
  bool in_table = false;
  for (std::string line; std::getline(page, line);) {
    if (absl::StartsWith(line, "| field's type |")) in_table = true;
    if (line.empty()) in_table = false;
    if (!in_table || !absl::StrContains(line, "`")) continue;
    absl::StrReplaceAll({{"`", ""}, {"absent", ""}}, &line);
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    EXPECT_EQ(cells.size(), 10u) << line;
    const auto cell = [&](size_t at) {
      return std::string(absl::StripAsciiWhitespace(cells[at]));
    };
    Row row = {
        .type = cell(1), .value = cell(2), .text = cell(3), .owners = {}};
    EXPECT_TRUE(absl::SimpleAtoi(cell(4), &row.hash)) << line;
    EXPECT_TRUE(absl::SimpleAtoi(cell(5), &row.slot)) << line;
    for (size_t at = 6; at < 9; ++at) {
      EXPECT_TRUE(absl::SimpleAtoi(cell(at), &row.owners.emplace_back()))
          << line;
    }
    rows.push_back(row);
  }
  return rows;
}

// The field of the test's request that has this type.
std::string FieldOf(const std::string& type) {
  if (type == "string") return "name";
  if (type == "bytes") return "blob";
  if (type == "bool") return "flag";
  if (type == "enum") return "color";
  return absl::StrCat(absl::StartsWith(type, "int") ? "an_" : "a_", type);
}

std::string RequestWith(const Row& row) {
  test::Request request;
  if (row.value.empty()) return "";
  const bool quoted = row.type == "string" || row.type == "bytes";
  const std::string text =
      absl::StrCat(FieldOf(row.type), ": ",
                   quoted ? absl::StrCat("\"", row.value, "\"") : row.value);
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request))
      << text;
  return request.SerializeAsString();
}

TEST(KeyRouteTest, AKeyGoesWhereTheTableForAuthorsOfClientsSays) {
  const std::vector<Row> rows = ReadTable();
  std::set<std::string> types;
  for (const Row& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.type, " ", row.value));
    types.insert(row.type);
    const auto reader =
        KeyReader::Create(test::Request::descriptor(), FieldOf(row.type));
    ASSERT_TRUE(reader.ok()) << reader.status();
    const std::string request = RequestWith(row);
    const auto key = reader->Read(request);
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_EQ(key->bytes(), row.text);
    EXPECT_EQ(key->Hash(0), row.hash);
    EXPECT_EQ(SlotOf(key->Hash(0)), row.slot);
    for (size_t i = 0; i < row.owners.size(); ++i) {
      EXPECT_EQ(SlotOwners(kWorkers[i], 0).OwnerOf(*key), row.owners[i])
          << "of " << kWorkers[i];
    }
  }
  EXPECT_EQ(types, (std::set<std::string>{
                       "string", "bytes", "int32", "int64", "uint32", "uint64",
                       "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
                       "sfixed64", "bool", "enum"}));
}

}  // namespace
}  // namespace pinion
