// SPDX-License-Identifier: Apache-2.0
//
// Every field of a server's file, made wrong in every way that people make it:
// each time there is exactly one error, with the line, the column and the path.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/echo/v1/echo_config.pb.h"
#include "pinion/kv/v1/kv_config.pb.h"
#include "pinion/server/config/print_config.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/tests/server/config/each_setting.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// All that pinion-server reads.
struct Configuration {
  std::vector<ConfigSection> services() {
    return {{"kv", &kv}, {"echo", &echo}};
  }

  config::v1::ServerConfig config;
  kv::v1::KvConfig kv;
  echo::v1::EchoConfig echo;
};

// One field in a file that has them all.
struct Line {
  std::string path;
  const FieldDescriptor* field;
  size_t index;        // Of the file's lines, from 0.
  std::string indent;  // Of the line.
  std::string name;
  std::string value;

  // The column of the value, from 1.
  int column() const {
    return static_cast<int>(indent.size() + name.size()) + 3;
  }
};

class ConfigMutationTest : public ::testing::Test {
 protected:
  ConfigMutationTest() {
    testing::SetDefaults(&defaults_.config);
    testing::SetDefaults(&defaults_.kv);
    testing::SetDefaults(&defaults_.echo);
    const std::string text =
        PrintConfig(defaults_.config, defaults_.services());
    lines_ = absl::StrSplit(text, '\n');
    Find("", &defaults_.config);
    Find("services.kv", &defaults_.kv);
    Find("services.echo", &defaults_.echo);
  }

  // Calls `mutate` with each field, and expects the one mistake it returns of a
  // file whose line is then what `mutate` has made of it.
  void Each(
      const std::function<std::string(const Line&, std::string*)>& mutate) {
    for (const Line& line : fields_) {
      std::vector<std::string> changed = lines_;
      const std::string expected = mutate(line, &changed[line.index]);
      if (expected.empty()) continue;
      Expect(absl::StrJoin(changed, "\n"), expected, line.path);
    }
  }

  // The one mistake of `text`.
  static ConfigMistake Only(const std::string& text, const std::string& path) {
    Configuration read;
    const ConfigReading reading =
        ReadConfig("f", text, &read.config, read.services());
    EXPECT_EQ(reading.mistakes.size(), 1u) << path;
    for (size_t i = 1; i < reading.mistakes.size(); ++i) {
      ADD_FAILURE() << reading.mistakes[i].ToString();
    }
    if (reading.mistakes.empty()) return {};
    const std::string said = reading.mistakes[0].ToString();
    EXPECT_LT(said.size(), 400u) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    return reading.mistakes[0];
  }

  // `expected` is the beginning of the mistake's line, or all of it.
  static void Expect(const std::string& text, const std::string& expected,
                     const std::string& path) {
    const std::string said = Only(text, path).ToString();
    EXPECT_TRUE(absl::StartsWith(said, expected))
        << said << "\ndoes not begin with\n"
        << expected;
  }

  // The line itself, or one beside it, which is then wrong as well.
  void ExpectNear(const Line& line, const std::string& changed) {
    std::vector<std::string> lines = lines_;
    lines[line.index] = changed;
    const ConfigMistake mistake = Only(absl::StrJoin(lines, "\n"), line.path);
    EXPECT_GE(mistake.place.line, static_cast<int>(line.index));
    EXPECT_LE(mistake.place.line, static_cast<int>(line.index) + 2);
  }

  bool IsAloneInItsSection(const Line& line) const {
    const std::string section = line.path.substr(0, line.path.rfind('.') + 1);
    return std::count_if(fields_.begin(), fields_.end(),
                         [&](const Line& other) {
                           return absl::StartsWith(other.path, section);
                         }) == 1;
  }

  // "f:LINE:COLUMN: PATH: ".
  static std::string At(const Line& line, int column) {
    return absl::StrCat("f:", line.index + 1, ":", column, ": ", line.path,
                        ": ");
  }
  static std::string AtValue(const Line& line) {
    return At(line, line.column());
  }
  static std::string AtName(const Line& line) {
    return At(line, static_cast<int>(line.indent.size()) + 1);
  }

  static std::string With(const Line& line, absl::string_view value) {
    return absl::StrCat(line.indent, line.name, ": ", value);
  }

  std::vector<std::string> lines_;
  std::vector<Line> fields_;

 private:
  void Find(const std::string& path, Message* message) {
    testing::EachSetting(
        message,
        [this](const std::string& at, Message*, const FieldDescriptor& field) {
          AddLine(at, field);
        },
        path);
  }

  void AddLine(const std::string& path, const FieldDescriptor& field) {
    // Every field has a name that no other has.
    const std::string name = absl::StrCat(" ", field.name(), ": ");
    const auto found = std::find_if(
        lines_.begin(), lines_.end(),
        [&](const std::string& line) { return absl::StrContains(line, name); });
    ASSERT_NE(found, lines_.end()) << path;
    const size_t begin = found->find_first_not_of(' ');
    fields_.push_back({path, &field,
                       static_cast<size_t>(found - lines_.begin()),
                       found->substr(0, begin), field.name(),
                       found->substr(begin + name.size() - 1)});
  }

  Configuration defaults_;
};

bool IsText(const Line& line) { return IsFreeText(*line.field); }

TEST_F(ConfigMutationTest, WithoutAMutationThereIsNoMistake) {
  EXPECT_GT(fields_.size(), 35u);
  Configuration read;
  const ConfigReading reading = ReadConfig("f", absl::StrJoin(lines_, "\n"),
                                           &read.config, read.services());
  EXPECT_TRUE(reading.mistakes.empty()) << reading.mistakes[0].ToString();
}

TEST_F(ConfigMutationTest, AFieldThatIsMissingIsNotSet) {
  for (const Line& line : fields_) {
    std::vector<std::string> changed = lines_;
    changed[line.index] = absl::StrCat(line.indent, "# ", line.name, ": 5");
    Configuration read;
    const ConfigReading reading = ReadConfig("f", absl::StrJoin(changed, "\n"),
                                             &read.config, read.services());
    EXPECT_TRUE(reading.mistakes.empty()) << reading.mistakes[0].ToString();
    EXPECT_EQ(reading.places.count(line.path), 0u);
    EXPECT_EQ(reading.places.count("listener"), 1u);
  }
}

TEST_F(ConfigMutationTest, AFieldWithoutAValueIsTold) {
  for (const char* null : {"", "~", "null", "# 5"}) {
    Each([&](const Line& line, std::string* text) {
      *text = With(line, null);
      return absl::StrCat(AtName(line), "there is no value; ");
    });
  }
}

TEST_F(ConfigMutationTest, AFieldWithoutAColonIsToldThereOrBesideIt) {
  for (const Line& line : fields_) {
    ExpectNear(line, absl::StrCat(line.indent, line.name));
    ExpectNear(line, absl::StrCat(line.indent, line.name, " ", line.value));
  }
}

TEST_F(ConfigMutationTest, AValueOfAnotherTypeIsTold) {
  Each([](const Line& line, std::string* text) -> std::string {
    *text = With(line, "\"hello world\"");
    if (IsText(line)) return "";
    return AtValue(line) + "\"hello world\" is ";
  });
  Each([](const Line& line, std::string* text) {
    *text = With(line, "[1, 2]");
    return AtValue(line) + "one value is expected here, and not a list";
  });
  Each([](const Line& line, std::string* text) {
    *text = With(line, "{a: 1}");
    return AtValue(line) + "one value is expected here, and not a section";
  });
  Each([](const Line& line, std::string* text) -> std::string {
    *text = With(line, "yes");
    if (IsText(line)) return "";
    return AtValue(line) + "\"yes\" is ";
  });
}

TEST_F(ConfigMutationTest, AValueOutOfRangeIsTold) {
  int tried = 0;
  Each([&](const Line& line, std::string* text) -> std::string {
    const config::v1::Setting& setting = testing::SettingOf(*line.field);
    if (setting.least().empty()) return "";
    ++tried;
    *text = With(
        line, setting.unit() == config::v1::UNIT_BYTES && setting.least() != "0"
                  ? "0"
                  : "-1");
    if (line.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      *text = With(line, "-1s");
    }
    return AtValue(line);
  });
  Each([&](const Line& line, std::string* text) -> std::string {
    const config::v1::Setting& setting = testing::SettingOf(*line.field);
    if (setting.most().empty() || setting.most() == "inf") return "";
    ++tried;
    const bool duration =
        line.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    *text = With(line, duration ? "9999h" : "9223372036854775807");
    return absl::StrCat(AtValue(line), "\"",
                        duration ? "9999h" : "9223372036854775807",
                        "\" is out of range; valid are ", setting.least(),
                        " to ", setting.most());
  });
  EXPECT_GT(tried, 40);
}

TEST_F(ConfigMutationTest, AnUnknownNameIsToldWithTheOneThatWasMeant) {
  Each([](const Line& line, std::string* text) {
    const std::string wrong = line.name + "x";
    *text = absl::StrCat(line.indent, wrong, ": ", line.value);
    return absl::StrCat("f:", line.index + 1, ":", line.indent.size() + 1, ": ",
                        line.path, "x: \"", wrong,
                        "\" is unknown here; did you mean ", line.name, "?");
  });
}

TEST_F(ConfigMutationTest, ADoubledFieldIsTold) {
  Each([](const Line& line, std::string* text) {
    *text = absl::StrCat(*text, "\n", *text);
    Line second = line;
    ++second.index;
    return AtName(second) + "the name stands here twice; remove one";
  });
}

TEST_F(ConfigMutationTest, AnAnchorATagAndAnAliasAreTold) {
  Each([](const Line& line, std::string* text) {
    *text = With(line, absl::StrCat("&a ", line.value));
    return AtValue(line) + "the YAML anchor \"&a\" must not stand here";
  });
  Each([](const Line& line, std::string* text) {
    *text = With(line, absl::StrCat("!!str ", line.value));
    return AtValue(line) + "the YAML tag \"!!str\" must not stand here";
  });
  Each([](const Line& line, std::string* text) {
    *text = With(line, "*a");
    return AtValue(line) + "the YAML alias \"*a\" must not stand here";
  });
  Each([](const Line& line, std::string* text) {
    absl::StrAppend(text, "\n", line.indent, "<<: {a: 1}");
    const std::string section = line.path.substr(0, line.path.rfind('.'));
    return absl::StrCat("f:", line.index + 2, ":", line.indent.size() + 1, ": ",
                        section, ": the YAML merge key ");
  });
}

TEST_F(ConfigMutationTest, ALongValueOrNameIsTold) {
  const std::string million(1'000'000, 'x');
  Each([&](const Line& line, std::string* text) {
    *text = With(line, million);
    return AtValue(line) + "the value has 1000000 bytes; the most is 65536";
  });
  Each([&](const Line& line, std::string* text) {
    *text = With(line, absl::StrCat("\"", million, "\""));
    return AtValue(line) + "the value has 1000000 bytes; the most is 65536";
  });
  Each([&](const Line& line, std::string* text) {
    *text = With(line, absl::StrCat("[", million, "]"));
    return AtValue(line) + "one value is expected here, and not a list";
  });
  Each([&](const Line&, std::string* text) -> std::string {
    absl::StrAppend(text, "  # ", std::string(1 << 20, 'x'));
    return "f: the file has ";
  });
}

TEST_F(ConfigMutationTest, AnotherEncodingIsTold) {
  Each([](const Line& line, std::string* text) {
    *text = With(line, "\"caf\xe9\"");
    return absl::StrCat("f:", line.index + 1, ":", line.column() + 4,
                        ": the byte 0xE9 is not UTF-8");
  });
  Each([](const Line& line, std::string* text) {
    *text = With(line, absl::string_view("\"a\0b\"", 5));
    return absl::StrCat("f:", line.index + 1, ":", line.column() + 2,
                        ": there is a NUL byte");
  });
  const std::string text = absl::StrJoin(lines_, "\n");
  Expect("\xef\xbb\xbf" + text, "f:1:1: the file begins with a byte-order mark",
         "UTF-8 with a mark");
  std::string wide;
  for (const char c : text) wide.append({c, '\0'});
  Expect("\xff\xfe" + wide, "f:1:1: the file is UTF-16", "UTF-16");
  Expect(wide, "f:1:2: there is a NUL byte", "UTF-16 without a mark");
  wide.insert(wide.begin(), '\0');
  Expect("\xfe\xff" + wide, "f:1:1: the file is UTF-16", "UTF-16, big endian");
}

TEST_F(ConfigMutationTest, AQuoteThatIsNotClosedIsTold) {
  for (const char* quote : {"'", "\""}) {
    for (const Line& line : fields_) {
      // Another quote behind it would close it.
      std::vector<std::string> changed = lines_;
      changed.resize(line.index + 1);
      changed.back() = With(line, absl::StrCat(quote, "5s"));
      Expect(absl::StrJoin(changed, "\n"),
             AtValue(line) + "the quote that begins here is never closed",
             line.path);
    }
  }
}

TEST_F(ConfigMutationTest, AWrongIndentationIsToldThereOrBesideIt) {
  for (const Line& line : fields_) {
    ExpectNear(line, "\t" + lines_[line.index]);
    // Alone, it may be indented as it likes.
    if (IsAloneInItsSection(line)) continue;
    ExpectNear(line, "  " + lines_[line.index]);
    ExpectNear(line, lines_[line.index].substr(1));
  }
}

}  // namespace
}  // namespace pinion
