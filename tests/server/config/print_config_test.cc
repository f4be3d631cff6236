// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/print_config.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/server/testing/seed.h"
#include "pinion/tests/server/config/each_setting.h"
#include "tests/server/config/garden.pb.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::util::MessageDifferencer;

TEST(PrintConfigTest, PrintsAsAPersonWouldWrite) {
  config::v1::ServerConfig config;
  config.mutable_listener()->set_listen("127.0.0.1:50051");
  config.mutable_listener()->set_grpc_memory_bytes(64 << 20);
  config.mutable_workers()->set_cpu_policy(config::v1::CPU_POLICY_FLOAT);
  config.mutable_stop()->mutable_lame_duck()->set_seconds(0);
  config.mutable_stop()->mutable_grace()->set_nanos(250'000'000);
  config.mutable_lanes();
  testing::Garden garden;
  garden.add_visitors("ann");
  garden.add_beds()->set_plant("rose");
  garden.mutable_beds(0)->mutable_inner()->set_rows(2);
  garden.add_beds();
  (*garden.mutable_prices())["oak"] = 500;
  (*garden.mutable_named_beds())["left"].set_rows(1);
  EXPECT_EQ(PrintConfig(config, {{"garden", &garden}}),
            "listener:\n"
            "  listen: \"127.0.0.1:50051\"\n"
            "  grpc_memory_bytes: 64MiB\n"
            "workers:\n"
            "  cpu_policy: float\n"
            "lanes: {}\n"
            "stop:\n"
            "  lame_duck: 0s\n"
            "  grace: 250ms\n"
            "services:\n"
            "  garden:\n"
            "    visitors:\n"
            "      - \"ann\"\n"
            "    beds:\n"
            "      - plant: \"rose\"\n"
            "        inner:\n"
            "          rows: 2\n"
            "      - {}\n"
            "    prices:\n"
            "      \"oak\": 500\n"
            "    named_beds:\n"
            "      \"left\":\n"
            "        rows: 1\n");
}

TEST(PrintConfigTest, NothingSetIsAnEmptyFile) {
  EXPECT_EQ(PrintConfig(config::v1::ServerConfig()), "");
}

// What is said of what PrintConfig() prints, and whether it says the same.
void ExpectReadsBack(const config::v1::ServerConfig& config,
                     testing::Garden* garden) {
  const std::string text = PrintConfig(config, {{"garden", garden}});
  config::v1::ServerConfig read;
  testing::Garden read_garden;
  const ConfigReading reading =
      ReadConfig("f", text, &read, {{"garden", &read_garden}});
  for (const ConfigMistake& mistake : reading.mistakes) {
    ADD_FAILURE() << mistake.ToString() << "\n" << text;
  }
  EXPECT_TRUE(MessageDifferencer::Equals(config, read)) << text;
  EXPECT_TRUE(MessageDifferencer::Equals(*garden, read_garden)) << text;
}

TEST(PrintConfigTest, ReadsTheDefaultsBack) {
  config::v1::ServerConfig config;
  testing::SetDefaults(&config);
  testing::Garden garden;
  ExpectReadsBack(config, &garden);
}

// Fills a message with what chance chooses, and some of what is hard to print.
class Chance {
 public:
  explicit Chance(uint64_t seed) : random_(seed) {}

  void Fill(Message* message, int depth) {
    const google::protobuf::Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      // Most are absent.
      if (OneOf(3) != 0) continue;
      const int count = field.is_repeated() ? 1 + OneOf(3) : 1;
      for (int j = 0; j < count; ++j) FillField(message, field, depth);
    }
  }

 private:
  int OneOf(int count) { return static_cast<int>(random_() % count); }

  template <typename Words>
  std::string AnyOf(const Words& words) {
    return words[OneOf(static_cast<int>(std::size(words)))];
  }

  void FillField(Message* message, const FieldDescriptor& field, int depth) {
    const auto& reflection = *message->GetReflection();
    if (field.is_map()) {
      FillMap(message, field, depth);
    } else if (IsWrittenAsText(field)) {
      EXPECT_EQ(SetValue(message, field, Text(field)), absl::OkStatus())
          << field.full_name();
    } else if (depth < 4) {
      Fill(field.is_repeated() ? reflection.AddMessage(message, &field)
                               : reflection.MutableMessage(message, &field),
           depth + 1);
    }
  }

  // A key must not come twice.
  void FillMap(Message* message, const FieldDescriptor& field, int depth) {
    const auto& reflection = *message->GetReflection();
    if (reflection.FieldSize(*message, &field) > 0 || depth > 3) return;
    Message* const entry = reflection.AddMessage(message, &field);
    FillField(entry, *field.message_type()->map_key(), depth + 1);
    FillField(entry, *field.message_type()->map_value(), depth + 1);
  }

  // A value that the field may have.
  std::string Text(const FieldDescriptor& field) {
    const config::v1::Setting& setting = testing::SettingOf(field);
    if (!setting.least().empty() && OneOf(2) == 0) return setting.least();
    if (!setting.most().empty()) return setting.most();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return Letters();
      case FieldDescriptor::CPPTYPE_BOOL:
        return OneOf(2) == 0 ? "true" : "false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return AnyOf(EnumWords(*field.enum_type()));
      case FieldDescriptor::CPPTYPE_DOUBLE:
      case FieldDescriptor::CPPTYPE_FLOAT:
        return absl::StrCat(OneOf(1000), ".", OneOf(1000));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return absl::StrCat(random_() >> 20, "ns");
      default:
        return absl::StrCat(random_() % (uint64_t{1} << OneOf(31)));
    }
  }

  std::string Letters() {
    static constexpr const char* kParts[] = {"a",
                                             " ",
                                             "\"",
                                             "'",
                                             "\\",
                                             "\n",
                                             "\r\n",
                                             "\t",
                                             ": ",
                                             "# ",
                                             "- ",
                                             "{",
                                             "}",
                                             "[",
                                             "]",
                                             "&a",
                                             "*a",
                                             "!b",
                                             "null",
                                             "~",
                                             "true",
                                             "0",
                                             "\x01",
                                             "\x1b[2J",
                                             "\x7f",
                                             "%",
                                             "\xc2\x85",
                                             "\xc3\xa9",
                                             "\xe2\x80\xa8",
                                             "\xef\xbb\xbf",
                                             "@",
                                             "---\n",
                                             "...\n",
                                             "<<",
                                             "\xef\xbf\xbe",
                                             "\xf0\x9f\x99\x82"};
    std::string text;
    while (OneOf(5) != 0) text += AnyOf(kParts);
    return text;
  }

  std::mt19937_64 random_;
};

TEST(PrintConfigTest, ReadsBackWhateverItPrints) {
  const testing::Seed seed;
  Chance chance(seed.value());
  for (int i = 0; i < 300; ++i) {
    config::v1::ServerConfig config;
    testing::Garden garden;
    chance.Fill(&config, 0);
    chance.Fill(&garden, 0);
    ExpectReadsBack(config, &garden);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace pinion
